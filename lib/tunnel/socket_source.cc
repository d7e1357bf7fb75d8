#include "lib/tunnel/socket_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace hawser::tunnel {

SocketSource::SocketSource(net::Socket& socket, std::string read_ahead,
                           std::shared_ptr<MemoryBudget> memory, Owner& owner)
    : socket_(socket),
      owner_(owner),
      read_ahead_(std::move(read_ahead)),
      charge_(std::move(memory)) {
  charge_.Set(MemoryOf(read_ahead_));
}

void SocketSource::Start() {
  if (read_ahead_.empty()) {
    Wait();
  } else {
    owner_.OnReadable();
  }
}

void SocketSource::Wait() {
  socket_.WaitReadable([this] { owner_.OnReadable(); });
}

SocketSource::Read SocketSource::Pull(std::span<uint8_t> space) {
  if (!read_ahead_.empty()) {
    const size_t take = std::min(space.size(), read_ahead_.size());
    std::memcpy(space.data(), read_ahead_.data(), take);
    read_ahead_.erase(0, take);
    if (read_ahead_.empty()) {
      std::string().swap(read_ahead_);
      charge_.Set(0);
    }
    return {Read::kBytes, take};
  }
  const net::Socket::Result result = socket_.Read(space);
  switch (result.kind) {
    case net::Socket::Result::kOk:
      if (result.bytes == space.size()) return {Read::kBytes, result.bytes};
      // A short read: most likely all there is.
      Wait();
      return {Read::kDrained, result.bytes};
    case net::Socket::Result::kWouldBlock: Wait(); return {Read::kDrained};
    case net::Socket::Result::kEnd:
      ended_ = true;
      socket_.WaitHangUp([this] { owner_.OnHangUp(); });
      return {Read::kEnd};
    case net::Socket::Result::kError: return {Read::kFailed};
  }
  return {Read::kFailed};
}

}  // namespace hawser::tunnel
