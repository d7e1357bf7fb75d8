#include "lib/testing/loopback.h"

#include <glog/logging.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace hawser::testing {

std::pair<int, int> UnixPair() {
  int fds[2];
  PCHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  return {fds[0], fds[1]};
}

std::pair<int, int> TcpPair() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  PCHECK(::bind(listener, any, size) == 0);
  PCHECK(::listen(listener, 1) == 0);
  PCHECK(::getsockname(listener, any, &size) == 0);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  PCHECK(::connect(client, any, size) == 0);
  const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  PCHECK(server >= 0);
  ::close(listener);
  return {client, server};
}

LoopbackPeer::LoopbackPeer(std::unique_ptr<net::Socket> socket) : socket_(std::move(socket)) {
  Read();
}

void LoopbackPeer::Send(const std::string& bytes) {
  unsent_.Append({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  if (!writing_) Write();
}

void LoopbackPeer::Finish() {
  finishing_ = true;
  if (!writing_) Write();
}

void LoopbackPeer::ReadAtMost(size_t bytes) {
  allowed_ = bytes;
  if (!reading_) Read();
}

void LoopbackPeer::Read() {
  reading_ = false;
  uint8_t space[16 * 1024];
  while (allowed_ > 0 && !ended_) {
    const auto result = socket_->Read({space, std::min(allowed_, sizeof space)});
    if (result.kind == net::Socket::Result::kWouldBlock) {
      reading_ = true;
      socket_->WaitReadable([this] {
        Read();
        if (on_received) on_received();
      });
      return;
    }
    ended_ = result.kind != net::Socket::Result::kOk;
    received_.append(reinterpret_cast<const char*>(space), result.bytes);
    allowed_ -= result.bytes;
  }
}

void LoopbackPeer::Write() {
  writing_ = false;
  while (!unsent_.empty()) {
    iovec pieces[16];
    const auto result = socket_->Write({pieces, unsent_.Peek(pieces)});
    if (result.kind == net::Socket::Result::kWouldBlock) {
      writing_ = true;
      socket_->WaitWritable([this] { Write(); });
      return;
    }
    if (result.kind != net::Socket::Result::kOk) {
      unsent_.Clear();
      return;
    }
    unsent_.Consume(result.bytes);
  }
  if (finishing_) socket_->ShutdownWrite();
}

}  // namespace hawser::testing
