// A link to one server, from its name to a session that serves:
//
//   resolve -> connect -> TLS -> HTTP/2 stream -> response headers: up
//      |--> through an HTTP proxy --^
//      '--> through an API server --'
//
// A name may stand for several servers. When what answers at one of its addresses is no server, or
// one that is linked already, the next one is tried; every step has its deadline. What goes wrong
// once the link is up ends it.
//
// Threads: the loop's.
#pragma once

#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/h2/transport.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/proxy_settings.h"
#include "lib/net/resolver.h"
#include "lib/net/tls_context.h"
#include "lib/tunnel/reconnector.h"
#include "spoke/agent_session.h"
#include "spoke/counters.h"
#include "spoke/port_forward.h"

namespace hawser::spoke {

// What all links of an agent share.
struct LinkOptions {
  std::string agent_id;
  std::string identifiers;       // as announced, URL-query form
  base::Duration keepalive;      // towards servers of ours; others are pinged less often
  base::Duration timeout;        // of each step until the link is up
  base::Duration drain_timeout;  // how long a replaced link may carry what it has
  std::string token_path;        // of the bearer token, read for each attempt; empty: none
  net::ProxySettings proxies;
  std::shared_ptr<net::TlsContext> proxy_tls;  // null: no proxy has TLS
  // Leads to all servers, whose addresses are but the names in their certificates; null: they are
  // connected to.
  PortForward* port_forward = nullptr;
  tunnel::SessionOptions session;
  ClientShares& clients;  // outlives the links
  TargetRules targets;
};

class ServerLink final : public tunnel::Link, private AgentSession::Owner {
 public:
  // What a server says of itself.
  struct Server {
    std::string id;    // empty when it does not say
    size_t count = 0;  // servers that agents should connect to; 0: unknown
  };
  // Whether a link to that server is wanted; asked once, when the server has answered.
  using Admit = std::function<absl::Status(const Server& server)>;

  // Names of servers are no targets' neighbors: they have a resolver of their own.
  struct Resolvers {
    net::Resolver& servers;
    net::Resolver& targets;
  };
  // References outlive the link.
  ServerLink(net::EventLoop& loop, const Resolvers& resolvers, const LinkOptions& options,
             Counters& counters, std::shared_ptr<net::TlsContext> tls,
             const base::HostPort& address, Admit admit, tunnel::LinkOwner& owner);
  ~ServerLink() override;

  void Drain() override;

  const Server& server() const { return server_; }
  // It said that it is about to stop.
  bool server_leaving() const { return server_leaving_; }
  // "10.0.0.1:8091", or what is on the way; empty before there is a connection.
  const std::string& peer() const { return peer_; }
  // Null before the stream is open and after its end.
  const AgentSession* session() const { return session_; }
  base::Duration RoundTrip() const;

 private:
  void Start();
  void OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses);
  // To the first of those left that answers.
  void ConnectToNext();
  void OnConnected(absl::StatusOr<int> fd);
  void OnSecured(absl::StatusOr<std::unique_ptr<net::Socket>> socket);
  void OpenStream();
  void OnTransportClosed(const absl::Status& status);
  // Ends the attempt at one address, or the link.
  void Fail(const absl::Status& status);
  // After that: the next address, or the end.
  void GoOn(absl::Status status);
  void FinishIfIdle();

  // AgentSession::Owner
  void OnAccepted(const net::Metadata& headers) override;
  void OnServerLeaving() override;
  void OnIdle() override;
  void OnSessionClosed(const absl::Status& status) override;

  net::EventLoop& loop_;
  const LinkOptions& options_;
  const Resolvers resolvers_;
  Counters& counters_;
  const std::shared_ptr<net::TlsContext> tls_;
  const base::HostPort address_;
  Admit admit_;
  tunnel::LinkOwner& owner_;

  base::Timer deadline_;
  std::string token_;
  std::unique_ptr<net::Lookup> query_;
  std::vector<asio::ip::tcp::endpoint> untried_;
  absl::Status failure_;  // of the addresses tried so far
  absl::Status refusal_;  // what the session on this transport ended with
  std::unique_ptr<net::ConnectAttempt> attempt_;
  std::unique_ptr<h2::Transport> transport_;
  AgentSession* session_ = nullptr;
  std::string peer_;
  Server server_;
  bool up_ = false;
  bool server_leaving_ = false;
  bool draining_ = false;
  bool ending_ = false;  // being destroyed: nobody is told any more
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for handshakes, which nobody cancels
};

}  // namespace hawser::spoke
