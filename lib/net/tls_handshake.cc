#include "lib/net/tls_handshake.h"

#include <fcntl.h>

#include <utility>

#include "lib/net/tls_socket.h"

namespace hawser::net {
namespace {

// Keeps itself alive through the callbacks it waits for.
class HandshakeAttempt : public std::enable_shared_from_this<HandshakeAttempt> {
 public:
  HandshakeAttempt(std::unique_ptr<TlsSocket> socket, bool require_alpn, SocketReady done)
      : socket_(std::move(socket)),
        require_alpn_(require_alpn),
        done_(std::move(done)),
        deadline_(socket_->loop()) {}

  void Start(base::Duration deadline) {
    deadline_.Set(deadline, [self = shared_from_this()] {
      self->Finish(absl::DeadlineExceededError("tls handshake with " +
                                               self->socket_->peer().address + ": timed out"));
    });
    Continue();
  }

 private:
  void Continue() {
    switch (socket_->ContinueHandshake()) {
      case TlsSocket::Handshake::kWantRead:
        socket_->WaitFirstReadable([self = shared_from_this()] { self->Continue(); });
        return;
      case TlsSocket::Handshake::kFailed: Finish(socket_->error()); return;
      case TlsSocket::Handshake::kDone:
        if (require_alpn_ && socket_->peer().alpn.empty()) {
          Finish(absl::UnauthenticatedError("tls handshake with " + socket_->peer().address +
                                            ": no application protocol was agreed on"));
        } else {
          Finish(absl::OkStatus());
        }
        return;
    }
  }

  void Finish(const absl::Status& status) {
    const auto self = shared_from_this();
    deadline_.Cancel();
    SocketReady done = std::move(done_);
    std::unique_ptr<TlsSocket> socket = std::move(socket_);
    if (status.ok()) {
      done(std::unique_ptr<Socket>(std::move(socket)));
    } else {
      socket.reset();
      done(status);
    }
  }

  std::unique_ptr<TlsSocket> socket_;
  const bool require_alpn_;
  SocketReady done_;
  base::Timer deadline_;
};

void StartHandshake(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                    const std::string& server_name, base::Duration deadline, SocketReady done) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  const bool require_alpn = context->require_alpn();
  auto socket = std::make_unique<TlsSocket>(loop, fd, std::move(context), server_name);
  std::make_shared<HandshakeAttempt>(std::move(socket), require_alpn, std::move(done))
      ->Start(deadline);
}

}  // namespace

void TlsAccept(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
               base::Duration deadline, SocketReady done) {
  StartHandshake(loop, fd, std::move(context), "", deadline, std::move(done));
}

void TlsConnect(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                const std::string& server_name, base::Duration deadline, SocketReady done) {
  StartHandshake(loop, fd, std::move(context), server_name, deadline, std::move(done));
}

}  // namespace hawser::net
