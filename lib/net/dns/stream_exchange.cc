#include "lib/net/dns/stream_exchange.h"

#include <sys/socket.h>

#include <array>
#include <utility>

#include "lib/base/status.h"

namespace hawser::net::dns {
namespace {

constexpr size_t kLength = 2;  // bytes in front of each message that tell its size

}  // namespace

StreamExchange::StreamExchange(EventLoop& loop, const asio::ip::udp::endpoint& server,
                               const std::string& query, base::Duration deadline, Done done)
    : loop_(loop), done_(std::move(done)), deadline_(loop) {
  unsent_ += static_cast<char>(query.size() >> 8);
  unsent_ += static_cast<char>(query.size() & 0xff);
  unsent_ += query;
  deadline_.Set(deadline, [this] { Finish(absl::DeadlineExceededError("timed out")); });
  attempt_ = Connect(loop, {{server.address(), server.port()}}, deadline,
                     [this](absl::StatusOr<int> fd) { OnConnected(std::move(fd)); });
}

void StreamExchange::OnConnected(absl::StatusOr<int> fd) {
  if (!fd.ok()) {
    Finish(fd.status());
    return;
  }
  watch_ = std::make_unique<DescriptorWatch>(loop_, *fd);
  Write();
}

void StreamExchange::Write() {
  watch_->WaitWritable([this] {
    const ssize_t count = ::send(watch_->fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) {
      Finish(base::ErrnoStatus(errno, "ask over tcp"));
      return;
    }
    if (count > 0) unsent_.erase(0, static_cast<size_t>(count));
    if (unsent_.empty()) {
      Read();
    } else {
      Write();
    }
  });
}

void StreamExchange::Read() {
  watch_->WaitReadable([this] {
    std::array<char, 4096> buffer;
    const ssize_t count = ::recv(watch_->fd(), buffer.data(), buffer.size(), 0);
    if (count == 0) {
      Finish(absl::UnavailableError("the name server ended the connection"));
      return;
    }
    if (count < 0 && errno != EAGAIN) {
      Finish(base::ErrnoStatus(errno, "answer over tcp"));
      return;
    }
    if (count > 0) received_.append(buffer.data(), static_cast<size_t>(count));
    if (received_.size() >= kLength) {
      const size_t size =
          static_cast<uint8_t>(received_[0]) * 256u + static_cast<uint8_t>(received_[1]);
      if (received_.size() >= kLength + size) {
        Finish(received_.substr(kLength, size));
        return;
      }
    }
    Read();
  });
}

void StreamExchange::Finish(absl::StatusOr<std::string> result) {
  deadline_.Cancel();
  attempt_.reset();
  watch_.reset();
  Done done = std::move(done_);
  done(std::move(result));  // may destroy this
}

}  // namespace hawser::net::dns
