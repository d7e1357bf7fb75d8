// Accepts the TLS connections of a port on one of the hub's handshake threads: no data loop ever
// computes for a peer that has not proved who it is.
//
// Threads: made before its loop runs; from Start() on all is the loop's, the callbacks too, and
// destruction. That ends what has not ended without calling back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "hub/connection_limits.h"
#include "hub/handshake_counts.h"
#include "hub/handshake_places.h"
#include "hub/tls_slot.h"
#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/net/tls_handshake.h"

namespace hawser::hub {

class TlsAcceptor {
 public:
  struct Options {
    Port port;
    std::shared_ptr<const TlsSlot> tls;
    base::Duration timeout;  // of a handshake
    HandshakePlaces::Options places;
  };
  struct Callbacks {
    // Both sides know each other.
    std::function<void(std::unique_ptr<net::Socket>, ConnectionPermit)> connected;
    std::function<void(base::Time now, const std::string& address, const absl::Status& why)> failed;
    // Nothing was begun with this peer.
    std::function<void(base::Time now, const std::string& address, const absl::Status& why)>
        refused;
  };

  // `limits` and `counts` outlive it.
  TlsAcceptor(net::EventLoop& loop, std::unique_ptr<net::Listener> listener, Options options,
              ConnectionLimits& limits, HandshakeCounts& counts, Callbacks callbacks);
  TlsAcceptor(const TlsAcceptor&) = delete;
  TlsAcceptor& operator=(const TlsAcceptor&) = delete;
  ~TlsAcceptor();

  void Start();

 private:
  using Id = HandshakePlaces::Id;

  void OnAccept(int fd);
  // To be called when places were taken or returned.
  void CountShare();
  void Refuse(int fd, const std::string& address, HandshakeResult result, const char* why);
  void OnEnded(Id id, const std::string& address, ConnectionPermit permit,
               absl::StatusOr<std::unique_ptr<net::Socket>> outcome);

  net::EventLoop& loop_;
  std::unique_ptr<net::Listener> listener_;
  const Options options_;
  ConnectionLimits& limits_;
  HandshakeCounts& counts_;
  const Callbacks callbacks_;
  HandshakePlaces places_;
  size_t share_ = 0;  // as it was counted last
  std::unordered_map<Id, std::shared_ptr<net::Handshake>> unfinished_;
};

}  // namespace hawser::hub
