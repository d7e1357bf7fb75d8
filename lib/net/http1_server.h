// Answers GET and HEAD on plain connections: health, metrics and admin pages.
//
//   Http1Server health(loop, {});
//   health.Handle("/healthz", [](const std::string&) { return Http1Server::Response{.body = "ok"};
//   }); listener->Start([&](int fd) { health.Serve(fd); });
//
// One request per connection. Strangers may connect: heads, connections and the time that each
// takes are bounded, and whoever comes is served: when there are too many, those that have been
// silent for longest make room.
//
// Threads: the loop's.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"
#include "lib/net/http1_head.h"

namespace hawser::net {

class Http1Server {
 public:
  struct Options {
    // For the whole head; answered 408 after that.
    base::Duration head_deadline = std::chrono::seconds(10);
    // For taking the whole response; closed after that.
    base::Duration response_deadline = std::chrono::seconds(30);
    // For closing the connection once all of the response is out.
    base::Duration closing_deadline = std::chrono::seconds(1);
    // For each more the oldest goes that has not asked yet, or else the oldest of all.
    size_t max_connections = 64;
    // Of one peer address: for each more its oldest goes likewise, so that others find room.
    size_t max_per_address = 16;
  };
  struct Response {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  // `query` is what follows '?' in the target, as sent.
  using Handler = absl::AnyInvocable<Response(const std::string& query)>;

  Http1Server(EventLoop& loop, const Options& options);
  Http1Server(const Http1Server&) = delete;
  Http1Server& operator=(const Http1Server&) = delete;
  // Closes what is still open.
  ~Http1Server();

  // Answers requests for exactly `path`.
  void Handle(const std::string& path, Handler handler);
  // The same for what belongs to another loop: `look` runs there and takes a picture, and what it
  // returns writes the picture down here. However long the loop takes to look, nobody else is held
  // up here; however long the page, nobody there. That loop must outlive this. Strangers ask, too:
  // all who wait for a page get the same picture, and the loop is left alone for ten times as long
  // as it took to look.
  using Writer = absl::AnyInvocable<Response()>;
  using Look = absl::AnyInvocable<Writer(const std::string& query)>;
  void HandleOn(EventLoop& there, const std::string& path, Look look);
  // Takes ownership of `fd`, an accepted connection.
  void Serve(int fd);
  // These may be asked on any thread: how many connections there are, and how many had to make room
  // for others of their address, and for anybody.
  size_t connections() const { return count_; }
  struct Dropped {
    uint64_t for_address = 0;
    uint64_t for_total = 0;
  };
  Dropped dropped() const { return {dropped_for_address_, dropped_for_total_}; }
  const Options& options() const { return options_; }

 private:
  class Connection;
  // One that is answered here, or one of another loop.
  struct Page {
    Handler handler;
    EventLoop* there = nullptr;
    std::shared_ptr<Look> look;
    std::unique_ptr<base::Timer> rest;  // armed while the other loop is left alone
    bool looking = false;
    std::map<std::string, std::vector<uint64_t>> waiting = {};  // connections, by query
  };
  // Has those who wait for `page` answered, unless that is on its way.
  void AskThere(Page& page);
  void Answer(Connection& connection, const Http1Head& head);
  // Those of its connections that are gone wait no more.
  void ForgetGone(Page& page);
  // Null when it is gone.
  Connection* Find(uint64_t id) const;
  // To a connection that may be gone.
  void Respond(uint64_t connection, const Response& response);
  void Remove(Connection* connection);
  // Makes room for one more connection from `address`.
  void MakeRoom(const std::string& address);
  // The oldest connection of `address` (empty: of any) that has not asked yet, or else the oldest.
  Connection* Dispensable(const std::string& address);

  EventLoop& loop_;
  const Options options_;
  std::map<std::string, Page> pages_;
  std::vector<std::unique_ptr<Connection>> connections_;  // the oldest first
  uint64_t last_id_ = 0;                                  // of a connection
  // Held by nobody else: answers that come from other loops see whether this is still there.
  const std::shared_ptr<const char> alive_ = std::make_shared<const char>();
  std::atomic<size_t> count_{0};  // of connections_
  std::atomic<uint64_t> dropped_for_address_{0};
  std::atomic<uint64_t> dropped_for_total_{0};
};

}  // namespace hawser::net
