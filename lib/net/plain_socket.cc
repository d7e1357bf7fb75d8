#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/socket.h"
#include "lib/net/socket_address.h"

namespace hawser::net {
namespace {

class PlainSocket final : public Socket {
 public:
  PlainSocket(EventLoop& loop, int fd) : watch_(loop, fd) {}

  Result Read(std::span<uint8_t> space) override {
    for (;;) {
      const ssize_t count = ::recv(fd(), space.data(), space.size(), 0);
      if (count > 0) return {Result::kOk, static_cast<size_t>(count)};
      if (count == 0) return {Result::kEnd};
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return {Result::kWouldBlock};
      return Failed("read from ");
    }
  }

  Result Write(std::span<const iovec> bytes) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(bytes.data());
    message.msg_iovlen = std::min<size_t>(bytes.size(), 1024);  // IOV_MAX
    for (;;) {
      const ssize_t count = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
      if (count > 0) return {Result::kOk, static_cast<size_t>(count)};
      if (count < 0 && errno == EINTR) continue;
      if (count == 0 || errno == EAGAIN) return {Result::kWouldBlock};
      return Failed("write to ");
    }
  }

  size_t unwritten() const override { return 0; }
  void WaitReadable(base::Closure callback) override { watch_.WaitReadable(std::move(callback)); }
  void WaitWritable(base::Closure callback) override { watch_.WaitWritable(std::move(callback)); }
  void WaitHangUp(base::Closure callback) override { watch_.WaitHangUp(std::move(callback)); }
  void StopWaiting() override { watch_.StopWaiting(); }
  void ShutdownWrite() override { ::shutdown(fd(), SHUT_WR); }
  void Close() override { watch_.Close(); }
  void Abort() override { watch_.Abort(); }
  bool open() const override { return watch_.open(); }
  Peer Look() const override { return watch_.Look(); }
  size_t Outstanding() const override { return watch_.Outstanding(); }
  absl::Status error() const override {
    if (error_ == 0) return absl::OkStatus();
    return base::ErrnoStatus(error_, what_ + peer().address);
  }
  int fd() const override { return watch_.fd(); }
  EventLoop& loop() override { return watch_.loop(); }

  // Looked up only when asked for: most tunnelled sockets never are, and there are many.
  const PeerInfo& peer() const override {
    if (peer_ == nullptr) {
      peer_ = std::make_unique<PeerInfo>();
      // Unknown once the connection was reset, unless it was asked for before.
      peer_->address = PeerAddress(fd());
      ucred credentials{};
      socklen_t size = sizeof credentials;
      if (peer_->address == "unix" &&
          ::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
        peer_->uid = credentials.uid;
    }
    return *peer_;
  }

 protected:
  void Detach() override { watch_.Detach(); }
  void Attach(EventLoop& loop) override { watch_.Attach(loop); }

 private:
  Result Failed(const char* what) {
    if (error_ == 0) {
      error_ = errno;
      what_ = what;
    }
    return {Result::kError};
  }

  DescriptorWatch watch_;
  mutable std::unique_ptr<PeerInfo> peer_;
  int error_ = 0;
  const char* what_ = "";
};

}  // namespace

std::unique_ptr<Socket> MakePlainSocket(EventLoop& loop, int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  // Both without effect on Unix sockets. What the kernel holds that it cannot send counts in
  // nobody's share; left alone, it is up to 4 MiB.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int most_unsent = 256 * 1024;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most_unsent, sizeof most_unsent);
  return std::make_unique<PlainSocket>(loop, fd);
}

void Socket::MoveTo(std::unique_ptr<Socket> socket, EventLoop& target,
                    absl::AnyInvocable<void(std::unique_ptr<Socket>)> done) {
  socket->Detach();
  target.Post([socket = std::move(socket), &target, done = std::move(done)]() mutable {
    socket->Attach(target);
    done(std::move(socket));
  });
}

}  // namespace hawser::net
