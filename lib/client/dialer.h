// Reaches services inside managed clusters through a hub, by name.
//
//   auto dialer = client::Dialer::Make({.hub = "hub.example:8090", .tls = {cert, key, ca}});
//   absl::StatusOr<client::Stream> stream = (*dialer)->Dial("web.default.svc.paris:80");
//
// All tunnels of a dialer share one long-lived connection to the hub's gRPC front end; it is made
// by the first dial, and again by the next one after it was lost. A front end that limits the
// streams per connection gets as many connections as it takes. Konnectivity's servers work too.
//
// Errors carry the reason, the hop and the text of what failed: see dial_error.h.
//
// Threads: any. A dialer has one thread of its own, on which callbacks run; they must not block.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/client/stream.h"
#include "lib/client/tunnel_dialer.h"
#include "lib/net/tls_context.h"

namespace hawser::client {

struct DialerOptions {
  // "host:port" of the hub's gRPC front end, with mutual TLS, or "unix:/path" of its socket.
  std::string hub;
  // PEM files: our certificate and key, and the CA that signed the hub's certificate.
  net::TlsFiles tls;
  // For one attempt to connect to the hub.
  base::Duration connect_timeout = std::chrono::seconds(10);
};

struct DialOptions {
  // For everything, connecting to the hub included. kDeadlineExceeded after that.
  base::Duration timeout = std::chrono::seconds(10);
  // Written first. Up to 3 KiB of it go with the dial itself where the hub knows how to, which
  // saves a round trip; the rest, and everything elsewhere, follows when the tunnel is open.
  std::string first_bytes;
};

// A dial under way. Copies mean the same dial; it may outlive the dialer.
class PendingDial {
 public:
  // The dial fails with kCancelled, and nothing of it is left at the target. Without effect when
  // its callback has run or is running.
  void Cancel();

 private:
  friend class Dialer;
  struct Loop;
  PendingDial(std::weak_ptr<Loop> loop, uint64_t id) : loop_(std::move(loop)), id_(id) {}
  std::weak_ptr<Loop> loop_;
  uint64_t id_;
};

class Dialer {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Stream>)>;

  // Does not connect yet. kInvalidArgument for a malformed address; unusable files are errors.
  static absl::StatusOr<std::unique_ptr<Dialer>> Make(const DialerOptions& options);
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;
  // Dials under way fail with kCancelled; tunnels break, except what was already in their sockets.
  ~Dialer();

  // `address`: "host:port" as the hub is to see it. Blocks; not to be called in a callback.
  absl::StatusOr<Stream> Dial(const std::string& address, const DialOptions& options = {});
  // `done` runs exactly once, on the dialer's thread.
  PendingDial DialAsync(const std::string& address, const DialOptions& options, Done done);
  // Makes a socket of the caller's the local side of a tunnel, without a copy in between: `fd` is a
  // connected stream socket that is given away. When it hangs up first the dial is cancelled.
  // `done` runs exactly once, on the dialer's thread: why the dial failed or the tunnel broke, or
  // OK after an orderly end.
  void Join(int fd, const std::string& address, const DialOptions& options,
            absl::AnyInvocable<void(const absl::Status&)> done);

  // Waits until the hub has taken what tunnels were given and they have ended, or `timeout` is
  // over. Closed streams are otherwise cut short by the destructor. Nothing is to be dialled after.
  // False: it was over first.
  bool Drain(base::Duration timeout);

 private:
  explicit Dialer(std::shared_ptr<PendingDial::Loop> loop);
  PendingDial Start(TunnelDialer::Tunnel tunnel);

  const std::shared_ptr<PendingDial::Loop> loop_;
  std::atomic<uint64_t> last_dial_{0};
  std::thread thread_;
};

}  // namespace hawser::client
