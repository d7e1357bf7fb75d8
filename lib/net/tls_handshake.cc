#include "lib/net/tls_handshake.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_socket.h"

namespace hawser::net {
namespace {

// Kept alive by the turn that it waits for.
class Attempt final : public Handshake, public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context, std::string server_name,
          SocketReady done)
      : watch_(loop, fd),
        context_(std::move(context)),
        server_name_(std::move(server_name)),
        done_(std::move(done)),
        deadline_(loop) {}

  void Start(base::Duration deadline) {
    deadline_.Set(deadline, [this] {
      const auto self = shared_from_this();
      Finish(absl::DeadlineExceededError(What() + "timed out"));
    });
    watch_.loop().Post([self = shared_from_this()] {
      if (self->context_->server()) {
        self->AwaitFirstByte();
      } else {
        self->Begin();
      }
    });
  }

  bool begun() const override { return begun_; }

  void Cancel(const absl::Status& why) override {
    const auto self = shared_from_this();
    Finish(why);
  }

 private:
  void AwaitFirstByte() {
    if (!done_) return;
    char byte;
    const ssize_t count = ::recv(watch_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count > 0) {
      Begin();
    } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      watch_.WaitReadable([self = shared_from_this()] { self->AwaitFirstByte(); });
    } else {
      Finish(count == 0
                 ? absl::UnavailableError(What() + "closed by the peer")
                 : base::ErrnoStatus(errno, "tls handshake with " + PeerAddress(watch_.fd())));
    }
  }

  void Begin() {
    if (!done_) return;  // it ended before it began
    begun_ = true;
    EventLoop& loop = watch_.loop();
    socket_ = std::make_unique<TlsSocket>(loop, watch_.Release(), context_, server_name_);
    Continue();
  }

  void Continue() {
    if (socket_ == nullptr) return;
    switch (socket_->ContinueHandshake()) {
      case TlsSocket::Handshake::kWantRead:
        socket_->WaitHandshakeReadable([self = shared_from_this()] { self->Continue(); });
        return;
      case TlsSocket::Handshake::kDone: Finish(std::move(socket_)); return;
      case TlsSocket::Handshake::kFailed: Finish(socket_->error()); return;
    }
  }

  std::string What() const {
    return "tls handshake with " +
           (socket_ != nullptr ? socket_->peer().address : PeerAddress(watch_.fd())) + ": ";
  }

  // May destroy this, unless somebody holds it.
  void Finish(absl::StatusOr<std::unique_ptr<Socket>> outcome) {
    if (!done_) return;
    deadline_.Cancel();
    watch_.Close();
    socket_.reset();
    std::exchange(done_, nullptr)(std::move(outcome));
  }

  DescriptorWatch watch_;  // until the TLS socket takes the descriptor over
  const std::shared_ptr<TlsContext> context_;
  const std::string server_name_;
  SocketReady done_;  // null once it has run
  base::Timer deadline_;
  std::unique_ptr<TlsSocket> socket_;
  bool begun_ = false;
};

std::shared_ptr<Handshake> StartHandshake(EventLoop& loop, int fd,
                                          std::shared_ptr<TlsContext> context,
                                          const std::string& server_name, base::Duration deadline,
                                          SocketReady done) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  auto attempt =
      std::make_shared<Attempt>(loop, fd, std::move(context), server_name, std::move(done));
  attempt->Start(deadline);
  return attempt;
}

}  // namespace

std::shared_ptr<Handshake> TlsAccept(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                                     base::Duration deadline, SocketReady done) {
  return StartHandshake(loop, fd, std::move(context), "", deadline, std::move(done));
}

std::shared_ptr<Handshake> TlsConnect(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                                      const std::string& server_name, base::Duration deadline,
                                      SocketReady done) {
  return StartHandshake(loop, fd, std::move(context), server_name, deadline, std::move(done));
}

}  // namespace hawser::net
