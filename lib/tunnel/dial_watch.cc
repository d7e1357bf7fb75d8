#include "lib/tunnel/dial_watch.h"

#include <algorithm>
#include <utility>

namespace hawser::tunnel {
namespace {

// A client may say that much before its dial is answered; the rest stays in the kernel.
constexpr size_t kMaxReadAhead = 16 * 1024;

}  // namespace

void DialWatch::Start(End end, base::Closure hung_up) {
  end_ = end;
  hung_up_ = std::move(hung_up);
  WaitReadable();
}

void DialWatch::ChargeTo(std::shared_ptr<MemoryBudget> budget) {
  charge_.Attach(std::move(budget));
  charge_.Set(MemoryOf(client_.read_ahead));
}

DialWatch::Client DialWatch::Take() {
  charge_.Set(0);
  if (client_.socket != nullptr && hung_up_) client_.socket->StopWaiting();
  hung_up_ = nullptr;
  return std::move(client_);
}

void DialWatch::WaitReadable() {
  client_.socket->WaitReadable([this] { Read(); });
}

net::Socket::Result DialWatch::ReadSome() {
  uint8_t bytes[4096];
  const size_t room = kMaxReadAhead - std::min(kMaxReadAhead, client_.read_ahead.size());
  if (room == 0) return {net::Socket::Result::kOk};
  const net::Socket::Result result = client_.socket->Read({bytes, std::min(room, sizeof bytes)});
  client_.read_ahead.append(bytes, bytes + result.bytes);
  charge_.Set(MemoryOf(client_.read_ahead));
  return result;
}

// An end or an error is told again to whoever reads next.
void DialWatch::ReadAhead() { ReadSome(); }

void DialWatch::Read() {
  if (client_.socket->Look() != net::Socket::Peer::kThere) return HangUp();
  const net::Socket::Result result = ReadSome();
  switch (result.kind) {
    case net::Socket::Result::kOk: return result.bytes > 0 ? WaitReadable() : WaitHangUp();
    case net::Socket::Result::kWouldBlock: return WaitReadable();
    case net::Socket::Result::kError: return HangUp();
    case net::Socket::Result::kEnd: break;
  }
  const bool silent = client_.read_ahead.empty();
  // A TLS client's FIN alone shows only now.
  const bool gone = client_.socket->Look() != net::Socket::Peer::kThere;
  if (gone || (silent && end_ == End::kIsGone)) return HangUp();
  WaitHangUp();
}

void DialWatch::WaitHangUp() {
  client_.socket->WaitHangUp([this] { HangUp(); });
}

void DialWatch::HangUp() { std::exchange(hung_up_, nullptr)(); }

}  // namespace hawser::tunnel
