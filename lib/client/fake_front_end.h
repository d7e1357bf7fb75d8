// A hub's gRPC front end without a hub behind it, on a thread of its own: dials are answered
// according to the host that is asked for.
//
//   echo      sends back what it gets, then the end
//   source    sends without end
//   reset     resets once it got the first bytes
//   refused   is refused by the target
//   missing   has no agent
//   never     is not answered; AwaitCancelled() tells when the dialler gave up
//
// Any port will do. Threads: any.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "lib/h2/transport.h"
#include "lib/net/event_loop.h"
#include "lib/net/listener.h"
#include "lib/net/tls_context.h"

namespace hawser::client {

class FakeFrontEnd {
 public:
  struct Options {
    // Accepts none of our features, as Konnectivity's server.
    bool plain = false;
    // On so many links, the first ones, it takes streams and says nothing, as a hub whose process
    // is stopped or one behind a balancer that has forgotten the link.
    size_t silent_links = 0;
    uint32_t max_streams = 256;
    // Serves TCP on loopback with it instead of a Unix socket.
    std::shared_ptr<net::TlsContext> tls;
  };

  explicit FakeFrontEnd(const Options& options);
  FakeFrontEnd(const FakeFrontEnd&) = delete;
  FakeFrontEnd& operator=(const FakeFrontEnd&) = delete;
  ~FakeFrontEnd();

  // "unix:/tmp/.../front.sock" or "127.0.0.1:port".
  const std::string& address() const { return address_; }
  // Loses every connection; new ones are accepted.
  void DropLinks();

  // Block until as many have been seen in total.
  void AwaitDials(size_t count);
  void AwaitCancelled(size_t count);
  // Until no tunnel is open and no dial under way.
  void AwaitIdle();
  size_t links() const;
  // Bytes that targets got so far, and connections of theirs that did not end in order.
  size_t received() const;
  size_t cut() const;

 private:
  class Session;
  class Echo;
  struct Seen {
    size_t links = 0;
    size_t dials = 0;
    size_t cancelled = 0;
    size_t sessions = 0;  // open now
    size_t received = 0;
    size_t cut = 0;
  };

  void Serve(std::unique_ptr<net::Socket> socket);
  void Accept(int fd);
  // Changes what was seen and wakes who waits for it.
  template <typename Change>
  void See(Change change);
  template <typename Condition>
  void Await(Condition condition);

  const Options options_;
  std::filesystem::path folder_;
  std::string address_;
  net::EventLoop loop_;
  std::unique_ptr<net::Listener> listener_;
  std::list<std::unique_ptr<h2::Transport>> links_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hawser::client
