// An API server with the pods of one namespace, for tests of port-forwards: it lists them, and
// forwards their ports to one of this machine as a kubelet would.
//
//   TestPodsApi api(loop, {.target_port = hub.port()});
//   PortForward forward(loop, resolver, api.config(), {"hub", "app=proxy-server", 8091});
//
// Threads: the test's, which runs the loop.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/kube/config.h"
#include "lib/kube/object.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/http1_head.h"
#include "lib/net/listener.h"
#include "lib/net/tls_context.h"
#include "lib/testing/loopback.h"

namespace hawser::spoke {

// A server's frame; not masked.
std::string ServerFrame(uint8_t opcode, const std::string& payload);

struct ClientFrame {
  uint8_t opcode;
  std::string payload;
};
// Takes the first whole frame off a client's bytes, and the mask off the frame.
std::optional<ClientFrame> TakeClientFrame(std::string& bytes);

// A pod as the API shows it.
kube::Object Pod(const std::string& name, bool ready = true);

class TestPodsApi {
 public:
  struct Options {
    net::TlsFiles tls;  // with a certificate: it speaks TLS; clients need one only with a CA
    uint16_t target_port = 0;
    std::vector<kube::Object> pods = {Pod("proxy-server-0")};
    std::string answer;     // to requests for a port-forward, instead of one
    std::string complaint;  // sent on the error channel instead of connecting
    bool silent = false;    // lists are not answered
  };
  struct Request {
    std::string target;
    std::string authorization;
    std::string protocol;
  };

  TestPodsApi(net::EventLoop& loop, Options options);
  TestPodsApi(const TestPodsApi&) = delete;
  TestPodsApi& operator=(const TestPodsApi&) = delete;

  uint16_t port() const { return listener_->port(); }
  kube::Config config() const;
  std::string Kubeconfig() const;
  // Of both kinds, in their order.
  const std::vector<Request>& requests() const { return requests_; }
  // Breaks every port-forward, in the middle of a frame.
  void BreakForwards();

 private:
  struct Client {
    std::unique_ptr<testing::LoopbackPeer> peer;
    std::unique_ptr<net::ConnectAttempt> attempt;
    std::unique_ptr<testing::LoopbackPeer> target;
    size_t read = 0;       // of the peer's bytes
    size_t forwarded = 0;  // of the target's
    std::string frames;    // of the peer, that are not whole yet
    bool upgraded = false;
    std::unique_ptr<net::Http1Head> head = std::make_unique<net::Http1Head>();
  };

  void Accept(int fd);
  void Serve(std::unique_ptr<net::Socket> socket);
  void OnReceived(Client& client);
  void Answer(Client& client);
  void Forward(Client& client);

  net::EventLoop& loop_;
  const Options options_;
  std::shared_ptr<net::TlsContext> tls_;
  std::vector<Request> requests_;
  std::list<Client> clients_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace hawser::spoke
