#include "lib/net/dns/datagram_port.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/dns/message.h"
#include "lib/net/socket_address.h"

namespace hawser::net::dns {
namespace {

constexpr size_t kMinMessage = 12;  // bytes

uint16_t RandomId() {
  uint16_t id = 0;
  // A few bytes never fail once the system has started.
  while (::getrandom(&id, sizeof id, 0) != sizeof id) {
  }
  return id;
}

absl::Status Failed(int error, const asio::ip::udp::endpoint& server) {
  return base::ErrnoStatus(error, "ask " + EndpointText({server.address(), server.port()}));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatagramPort>> DatagramPort::Open(
    EventLoop& loop, const asio::ip::udp::endpoint& server) {
  const int fd = ::socket(server.protocol().family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failed(errno, server);
  // Connected, so that datagrams of others are not received and refusals are.
  if (::connect(fd, server.data(), static_cast<socklen_t>(server.size())) != 0) {
    const absl::Status status = Failed(errno, server);
    ::close(fd);
    return status;
  }
  return std::unique_ptr<DatagramPort>(new DatagramPort(loop, fd, server));
}

DatagramPort::DatagramPort(EventLoop& loop, int fd, const asio::ip::udp::endpoint& server)
    : watch_(loop, fd), server_(server) {
  Receive();
}

uint16_t DatagramPort::Add(Listener& listener) {
  uint16_t id = RandomId();
  while (!listeners_.try_emplace(id, &listener).second) id = RandomId();
  ++listeners_so_far_;
  return id;
}

absl::Status DatagramPort::Send(const std::string& query) {
  // The refusal of an earlier datagram is reported, and forgotten, by whatever call comes next.
  // This one must not keep it from those who wait: when it is sent again, so is the refusal.
  const auto send = [&] {
    return ::send(watch_.fd(), query.data(), query.size(), MSG_NOSIGNAL) < 0 ? errno : 0;
  };
  int error = send();
  if (error == ECONNREFUSED) error = send();
  const bool lost = error == EAGAIN || error == ENOBUFS || error == ECONNREFUSED;
  return error == 0 || lost ? absl::OkStatus() : Failed(error, server_);
}

void DatagramPort::Receive() {
  watch_.WaitReadable([this] {
    std::array<char, kMaxDatagram> buffer;
    const ssize_t count = ::recv(watch_.fd(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      std::exchange(broken_, nullptr)(Failed(errno, server_));
      return;  // destroyed
    }
    Receive();
    if (count < static_cast<ssize_t>(kMinMessage)) return;
    const std::string bytes(buffer.data(), static_cast<size_t>(count));
    const auto at = listeners_.find(IdOf(bytes));
    if (at != listeners_.end()) at->second->OnDatagram(*this, bytes);  // may destroy this
  });
}

void DatagramPort::Break(const absl::Status& status) {
  while (!listeners_.empty()) {
    Listener* const listener = listeners_.begin()->second;
    listeners_.erase(listeners_.begin());
    listener->OnPortBroken(*this, status);
  }
}

}  // namespace hawser::net::dns
