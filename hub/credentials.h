// The certificates that opened connections. A connection lasts no longer than its certificate is
// good: it ends when that expires, when no authority stands for it any more, and when it is denied.
//
//   auto ticket = credentials.Admit(Port::kAgents, "cluster paris", socket->peer());
//   ticket->OnEnd([...](Credentials::Ending how, const absl::Status& why) { post to its loop });
//
// Threads: any; a mutex guards the list. Touched when a connection begins and ends, and by sweeps.
#pragma once

#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "hub/connection_limits.h"
#include "hub/deny_list.h"
#include "lib/base/scheduler.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"
#include "lib/pki/certificate.h"

namespace hawser::hub {

class Credentials {
 public:
  enum class Ending {
    kSoon,  // its certificate is about to expire: time to go elsewhere
    kNow,
  };
  // Posts what is to be done to the connection's loop; must not call back. Runs at most once for
  // each ending, and never after the ticket is gone.
  using End = std::function<void(Ending how, const absl::Status& why)>;

  // A connection's place in the list.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept { *this = std::move(other); }
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(credentials_, other.credentials_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Ticket();

    // How the connection is ended, from now on. Runs at once when it should have ended already.
    void OnEnd(End end);

   private:
    friend class Credentials;
    Credentials* credentials_ = nullptr;
    uint64_t id_ = 0;
  };

  enum Reason : size_t { kExpired, kDenied, kUntrusted, kReasons };
  static const char* ReasonName(Reason reason);

  explicit Credentials(DenyList denied) : denied_(std::move(denied)) {}
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // A peer that has just connected. PermissionDenied, naming the entry, for one that is denied. One
  // without a certificate is admitted, and not looked at again. `who`: for the log.
  absl::StatusOr<Ticket> Admit(Port port, const std::string& who, const net::PeerInfo& peer);

  // From now on; those that are connected and denied are ended.
  void SetDenied(DenyList denied);
  // From now on `context` says whom a port believes; ends its connections whose certificates are
  // not. Those that the same authorities let in stay: of a resumed session it is not known which
  // intermediate ones its peer would show.
  void Verify(Port port, std::shared_ptr<const net::TlsContext> context);
  // Ends what has expired by `now`, and says so beforehand. To be called every second or so.
  void Sweep(pki::WallTime now);

  // Connections ended or refused so far, by why.
  std::array<uint64_t, kReasons> counts() const;

  // How long before the end of its certificate a connection is told.
  static constexpr std::chrono::seconds kNotice{30};

 private:
  struct Connection {
    Port port;
    std::string who;
    net::PeerInfo peer;
    DenyList::Subject subject;
    pki::WallTime expiry;
    End end;
    absl::Status ended;  // why; OK: it has not
  };
  using Connections = std::unordered_map<uint64_t, Connection>;

  struct Due {
    pki::WallTime at;
    uint64_t id;
    Ending how;
    auto operator<=>(const Due&) const = default;
  };
  // Handshakes that began before the port's authorities changed may end after that.
  absl::Status VerifyLate(Port port, const net::PeerInfo& peer) const;
  void Remove(uint64_t id);
  // Needs the mutex. Adds a line for the log, which is written without it: loops wait for it.
  using Lines = std::vector<std::string>;
  void EndNow(Connection& connection, Reason reason, const std::string& why, Lines& lines);

  mutable std::mutex mutex_;  // guards all below
  DenyList denied_;
  Connections connections_;
  std::set<Due> due_;
  std::array<std::shared_ptr<const net::TlsContext>, kPorts> contexts_;  // null: the first ones
  uint64_t last_id_ = 0;
  std::array<uint64_t, kReasons> counts_{};
};

}  // namespace hawser::hub
