// Answers GET and HEAD on plain connections: health, metrics and admin pages.
//
//   Http1Server health(loop, {});
//   health.Handle("/healthz", [](const std::string&) { return Http1Server::Response{.body = "ok"};
//   }); listener->Start([&](int fd) { health.Serve(fd); });
//
// One request per connection. Strangers may connect: heads, connections and the time that each
// takes are bounded.
//
// Threads: the loop's.
#pragma once

#include <chrono>
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
    // More are answered 503 and closed.
    size_t max_connections = 64;
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
  // Takes ownership of `fd`, an accepted connection.
  void Serve(int fd);
  size_t connections() const { return connections_.size(); }

 private:
  class Connection;
  Response Answer(const Http1Head& head);
  void Remove(Connection* connection);

  EventLoop& loop_;
  const Options options_;
  std::map<std::string, Handler> handlers_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace hawser::net
