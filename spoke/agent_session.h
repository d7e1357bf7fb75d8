// The agent's side of the stream to one server: dials what the server asks for.
//
// Threads: the loop's. Owned by its transport.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/base/seeded_hash.h"
#include "lib/net/event_loop.h"
#include "lib/net/resolver.h"
#include "lib/tunnel/dialed_session.h"
#include "spoke/client_shares.h"
#include "spoke/counters.h"
#include "spoke/target_dial.h"

namespace hawser::spoke {

class AgentSession final : public tunnel::DialedSession {
 public:
  // Whose link it is; outlives the session. May not destroy it.
  class Owner {
   public:
    // The server took us; its response headers.
    virtual void OnAccepted(const net::Metadata& headers) = 0;
    // The server will stop: it dials no more.
    virtual void OnServerLeaving() = 0;
    // The last connection or dial has ended.
    virtual void OnIdle() = 0;
    // The stream is gone. Last call.
    virtual void OnSessionClosed(const absl::Status& status) = 0;

   protected:
    ~Owner() = default;
  };

  AgentSession(net::EventLoop& loop, net::Resolver& resolver, const tunnel::SessionOptions& options,
               const TargetRules& rules, ClientShares& clients, Counters& counters, Owner& owner);

  bool idle() const { return connection_count() == 0 && pending_dials() == 0; }

  void OnHeaders(const net::Metadata& headers) override;
  void OnClosed(const absl::Status& status) override;

 protected:
  void OnDial(Request request) override;
  void OnDialCancelled(int64_t dial_id) override;
  void OnDrain() override { owner_.OnServerLeaving(); }
  void OnConnectionEnded(tunnel::Connection& connection) override;

 private:
  struct Dial {
    ClientShares::Place place;
    std::unique_ptr<TargetDial> target;
  };

  void OnDialed(int64_t dial_id, base::Time started, std::unique_ptr<net::Socket> socket,
                const tunnel::Failure* failure);

  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const TargetRules& rules_;
  ClientShares& clients_;
  Counters& agent_counters_;
  Owner& owner_;
  std::unordered_map<int64_t, Dial, base::SeededHash> dials_;
};

}  // namespace hawser::spoke
