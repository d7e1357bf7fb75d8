#include "lib/client/dialer.h"

#include <glog/logging.h>
#include <sys/socket.h>

#include <cerrno>
#include <future>
#include <utility>

#include "lib/base/status.h"
#include "lib/client/connector.h"
#include "lib/client/dial_error.h"
#include "lib/net/event_loop.h"
#include "lib/tunnel/socket_sink.h"

namespace hawser::client {

// Shared with pending dials, which post to it: after the dialer's end nothing runs any more.
struct PendingDial::Loop {
  net::EventLoop events;
  std::unique_ptr<TunnelDialer> tunnels;  // on the loop's thread
};

void PendingDial::Cancel() {
  const std::shared_ptr<Loop> loop = loop_.lock();
  if (loop == nullptr) return;
  loop->events.Post([&loop = *loop, id = id_] {
    if (loop.tunnels != nullptr) loop.tunnels->Cancel(id);
  });
}

absl::StatusOr<std::unique_ptr<Dialer>> Dialer::Make(const DialerOptions& options) {
  auto loop = std::make_shared<PendingDial::Loop>();
  HAWSER_ASSIGN_OR_RETURN(auto connector, Connector::Make(loop->events, options.hub, options.tls));
  loop->tunnels =
      std::make_unique<TunnelDialer>(loop->events, std::move(connector), options.connect_timeout);
  return std::unique_ptr<Dialer>(new Dialer(std::move(loop)));
}

Dialer::Dialer(std::shared_ptr<PendingDial::Loop> loop)
    : loop_(std::move(loop)), thread_([this] { loop_->events.Run(); }) {}

Dialer::~Dialer() {
  loop_->events.Post([this] {
    loop_->tunnels.reset();
    loop_->events.Stop();
  });
  thread_.join();
}

PendingDial Dialer::Start(TunnelDialer::Tunnel tunnel) {
  const uint64_t id = ++last_dial_;
  loop_->events.Post([this, id, tunnel = std::move(tunnel)]() mutable {
    loop_->tunnels->Dial(id, std::move(tunnel));
  });
  return PendingDial(loop_, id);
}

PendingDial Dialer::DialAsync(const std::string& address, const DialOptions& options, Done done) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    const absl::Status status = base::ErrnoStatus(errno, "dial " + address + ": socketpair");
    loop_->events.Post([status, done = std::move(done)]() mutable { done(status); });
    return PendingDial({}, 0);
  }
  auto outcome = std::make_shared<TunnelOutcome>();
  // Closes the caller's end when it never becomes the caller's.
  Stream stream(ends[0], address, outcome);
  return Start({.address = address,
                .timeout = options.timeout,
                .fd = ends[1],
                .first_bytes = options.first_bytes,
                .answered =
                    [stream = std::move(stream),
                     done = std::move(done)](const absl::Status& status) mutable {
                      if (status.ok()) {
                        done(std::move(stream));
                      } else {
                        done(status);
                      }
                    },
                .ended =
                    [outcome](const tunnel::Failure* failure) {
                      if (failure != nullptr) outcome->Fail(*failure);
                    },
                // What is left unread costs nobody but the caller.
                .patience = base::Duration::max(),
                .pair = true});
}

void Dialer::Join(int fd, const std::string& address, const DialOptions& options,
                  absl::AnyInvocable<void(const absl::Status&)> done) {
  const auto shared =
      std::make_shared<absl::AnyInvocable<void(const absl::Status&)>>(std::move(done));
  Start({.address = address,
         .timeout = options.timeout,
         .fd = fd,
         .first_bytes = options.first_bytes,
         .answered =
             [shared](const absl::Status& status) {
               if (!status.ok()) (*shared)(status);
             },
         .ended =
             [shared, address](const tunnel::Failure* failure) {
               (*shared)(failure == nullptr ? absl::OkStatus()
                                            : DialError("tunnel to", address, *failure));
             },
         .patience = tunnel::SocketSink::kPatience});
}

bool Dialer::Drain(base::Duration timeout) {
  const auto drained = std::make_shared<std::promise<void>>();
  std::future<void> wait = drained->get_future();
  loop_->events.Post(
      [this, drained] { loop_->tunnels->Drain([drained] { drained->set_value(); }); });
  return wait.wait_for(timeout) == std::future_status::ready;
}

absl::StatusOr<Stream> Dialer::Dial(const std::string& address, const DialOptions& options) {
  CHECK(!loop_->events.InLoopThread()) << "a blocking dial in a callback of its own dialer";
  std::promise<absl::StatusOr<Stream>> answer;
  DialAsync(address, options,
            [&answer](absl::StatusOr<Stream> stream) { answer.set_value(std::move(stream)); });
  return answer.get_future().get();
}

}  // namespace hawser::client
