#include "lib/h2/scripted_socket.h"

#include <utility>

namespace hawser::h2 {

net::Socket::Result ScriptedSocket::Read(std::span<uint8_t> space) {
  const std::optional<size_t> bytes = peer_.Say(space);
  if (!bytes.has_value()) return {Result::kWouldBlock};
  return *bytes > 0 ? Result{Result::kOk, *bytes} : Result{Result::kEnd};
}

net::Socket::Result ScriptedSocket::Write(std::span<const iovec> bytes) {
  if (!peer_.Hear(bytes)) return {Result::kWouldBlock};
  size_t size = 0;
  for (const iovec& piece : bytes) size += piece.iov_len;
  return {Result::kOk, size};
}

void ScriptedSocket::WaitReadable(base::Closure callback) {
  loop_.Post([this, alive = std::weak_ptr<void>(alive_), callback = std::move(callback)]() mutable {
    if (!alive.expired() && open_) callback();
  });
}

}  // namespace hawser::h2
