// A hub for tests of the agent: takes agents' sessions over TLS and dials through them.
//
//   FakeHub hub(loop, certificates.HubAgentPort(), {.id = "hub-1"});
//   hub.Listen();
//   RunUntil(loop, [&] { return !hub.sessions().empty(); });
//   auto dial = hub.Dial(*hub.sessions().front(), "web:80");
//   RunUntil(loop, [&] { return dial->done; });
//
// Threads: the test's, which runs the loop.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/h2/transport.h"
#include "lib/net/event_loop.h"
#include "lib/net/listener.h"
#include "lib/net/tls_context.h"
#include "lib/testing/loopback.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::spoke {

class FakeHub {
 public:
  struct Options {
    std::string id = "hub";
    int count = 1;         // servers, as it tells agents
    absl::Status refusal;  // of every agent, unless OK
    bool plain = false;    // without our extension, as the reference
  };

  class Session final : public tunnel::DialingSession {
   public:
    Session(FakeHub& hub) : DialingSession({}), hub_(hub) {}
    const net::Metadata& request() const { return request_; }

    void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
    void OnClosed(const absl::Status& status) override;

   private:
    FakeHub& hub_;
    net::Metadata request_;
  };

  // A dial and, when it succeeded, the client's end of its connection.
  struct Dialled {
    tunnel::DialingSession::DialId id;
    bool done = false;
    std::optional<tunnel::Failure> failure;
    std::unique_ptr<testing::LoopbackPeer> client;
  };

  FakeHub(net::EventLoop& loop, const net::TlsFiles& files, Options options);
  FakeHub(const FakeHub&) = delete;
  FakeHub& operator=(const FakeHub&) = delete;
  ~FakeHub() { Stop(); }

  // On a free port, later on the same.
  void Listen() { ListenAt("127.0.0.1", port_); }
  void ListenAt(const std::string& address, uint16_t port);
  // Loses every session and listens no more.
  void Stop();
  uint16_t port() const { return port_; }

  // Those that are open, in the order of their beginning.
  const std::vector<Session*>& sessions() const { return sessions_; }
  // Connections so far that got through the handshake.
  size_t handshakes() const { return handshakes_; }
  size_t refused() const { return refused_; }

  // `client`: who asks, to agents that want to know.
  std::shared_ptr<Dialled> Dial(Session& session, const std::string& address,
                                const std::string& client = "");

 private:
  void Accept(int fd);
  void Serve(std::unique_ptr<net::Socket> socket);

  net::EventLoop& loop_;
  const Options options_;
  std::shared_ptr<net::TlsContext> tls_;
  uint16_t port_ = 0;
  std::unique_ptr<net::Listener> listener_;
  std::map<size_t, std::unique_ptr<h2::Transport>> transports_;
  std::vector<Session*> sessions_;
  size_t handshakes_ = 0;
  size_t refused_ = 0;
};

}  // namespace hawser::spoke
