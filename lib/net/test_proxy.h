// An HTTP proxy for tests: takes CONNECT for any name and leads to one port of this machine.
//
//   TestProxy proxy(loop, {.target_port = server.port()});
//   ... dial "hub.example:8091" through 127.0.0.1:proxy.port() ...
//   EXPECT_EQ(proxy.requests().front().target, "hub.example:8091");
//
// Threads: the test's, which is the loop's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/net/byte_pump.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/http1_head.h"
#include "lib/net/listener.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

class TestProxy {
 public:
  struct Options {
    uint16_t target_port = 0;
    TlsFiles tls;               // with a certificate: it speaks TLS, and asks clients for none
    std::string authorization;  // what clients must send, unless empty
    std::string answer;         // sent to everybody instead of connecting; not empty
  };
  struct Request {
    std::string target;
    std::string authorization;
  };

  TestProxy(EventLoop& loop, Options options);
  TestProxy(const TestProxy&) = delete;
  TestProxy& operator=(const TestProxy&) = delete;

  uint16_t port() const { return listener_->port(); }
  const std::vector<Request>& requests() const { return requests_; }

 private:
  struct Client {
    std::unique_ptr<Socket> socket;
    Http1Head head;
    std::unique_ptr<ConnectAttempt> attempt;
    std::unique_ptr<BytePump> pump;
  };

  void Accept(int fd);
  void Serve(std::unique_ptr<Socket> socket);
  void ReadHead(Client& client);
  void OnConnected(Client& client, absl::StatusOr<int> fd);
  static void Answer(Client& client, const std::string& text);

  EventLoop& loop_;
  const Options options_;
  std::shared_ptr<TlsContext> tls_;
  std::vector<Request> requests_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace hawser::net
