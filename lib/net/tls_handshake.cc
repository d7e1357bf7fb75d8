#include "lib/net/tls_handshake.h"

#include <fcntl.h>

#include <utility>

#include "lib/net/tls_socket.h"

namespace hawser::net {
namespace {

// Kept alive by the turn that it waits for.
class HandshakeAttempt : public std::enable_shared_from_this<HandshakeAttempt> {
 public:
  HandshakeAttempt(std::unique_ptr<TlsSocket> socket, SocketReady done)
      : socket_(std::move(socket)), done_(std::move(done)), deadline_(socket_->loop()) {}

  void Start(base::Duration deadline) {
    deadline_.Set(deadline, [this] {
      const auto self = shared_from_this();
      Finish(absl::DeadlineExceededError("tls handshake with " + socket_->peer().address +
                                         ": timed out"));
    });
    socket_->loop().Post([self = shared_from_this()] { self->Continue(); });
  }

 private:
  void Continue() {
    if (socket_ == nullptr) return;  // timed out before it began
    switch (socket_->ContinueHandshake()) {
      case TlsSocket::Handshake::kWantRead:
        socket_->WaitHandshakeReadable([self = shared_from_this()] { self->Continue(); });
        return;
      case TlsSocket::Handshake::kDone:
        deadline_.Cancel();
        done_(std::move(socket_));
        return;
      case TlsSocket::Handshake::kFailed: Finish(socket_->error()); return;
    }
  }

  void Finish(const absl::Status& failure) {
    deadline_.Cancel();
    socket_.reset();
    done_(failure);
  }

  std::unique_ptr<TlsSocket> socket_;
  SocketReady done_;
  base::Timer deadline_;
};

void StartHandshake(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                    const std::string& server_name, base::Duration deadline, SocketReady done) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  auto socket = std::make_unique<TlsSocket>(loop, fd, std::move(context), server_name);
  std::make_shared<HandshakeAttempt>(std::move(socket), std::move(done))->Start(deadline);
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
