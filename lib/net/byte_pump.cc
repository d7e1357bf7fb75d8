#include "lib/net/byte_pump.h"

#include <sys/socket.h>

#include <utility>

#include "lib/base/status.h"

namespace hawser::net {
namespace {

// Reads before others on the loop get their turn.
constexpr int kReadsPerTurn = 8;

}  // namespace

BytePump::BytePump(std::unique_ptr<Socket> left, std::unique_ptr<Socket> right,
                   absl::AnyInvocable<void(const absl::Status&)> done)
    : left_(std::move(left)),
      right_(std::move(right)),
      rightward_{*left_, *right_, {}},
      leftward_{*right_, *left_, {}},
      done_(std::move(done)) {
  left_->WaitReadable([this] { Move(rightward_); });
  right_->WaitReadable([this] { Move(leftward_); });
}

void BytePump::Move(Direction& direction) {
  for (int reads = 0; reads < kReadsPerTurn; ++reads)
    if (!SendUnsent(direction) || !Receive(direction)) return;
  if (SendUnsent(direction)) direction.from.WaitReadable([this, &direction] { Move(direction); });
}

bool BytePump::Receive(Direction& direction) {
  uint8_t* const space = direction.from.loop().read_batch();
  const Socket::Result result = direction.from.Read({space, kMaxHeld});
  switch (result.kind) {
    case Socket::Result::kOk: return Send(direction, {space, result.bytes});
    case Socket::Result::kWouldBlock:
      direction.from.WaitReadable([this, &direction] { Move(direction); });
      return false;
    case Socket::Result::kEnd:
      direction.to.ShutdownWrite();
      End(direction);
      return false;
    case Socket::Result::kError: Finish(direction.from.error()); return false;
  }
  return false;
}

bool BytePump::Send(Direction& direction, std::span<const uint8_t> bytes) {
  const iovec piece{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const Socket::Result result = direction.to.Write({&piece, 1});
  if (result.kind == Socket::Result::kError) {
    Finish(direction.to.error());
    return false;
  }
  direction.unsent.Append(bytes.subspan(result.bytes));
  return true;
}

bool BytePump::SendUnsent(Direction& direction) {
  while (!direction.unsent.empty()) {
    iovec pieces[16];
    const size_t count = direction.unsent.Peek(pieces);
    const Socket::Result result = direction.to.Write({pieces, count});
    if (result.kind == Socket::Result::kWouldBlock) {
      direction.to.WaitWritable([this, &direction] { Move(direction); });
      return false;
    }
    if (result.kind != Socket::Result::kOk) {
      Finish(direction.to.error());
      return false;
    }
    direction.unsent.Consume(result.bytes);
  }
  return true;
}

void BytePump::End(Direction& direction) {
  // Closing a TLS socket loses what it has accepted but not sent.
  if (!direction.to.written()) {
    direction.to.WaitWritable([this, &direction] { End(direction); });
    return;
  }
  if (!direction.to.error().ok()) {
    Finish(direction.to.error());
    return;
  }
  direction.ended = true;
  if (rightward_.ended && leftward_.ended) Finish(absl::OkStatus());
}

void BytePump::Finish(const absl::Status& status) {
  for (Socket* socket : {left_.get(), right_.get()}) {
    if (status.ok()) {
      socket->Close();
    } else {
      socket->Abort();
    }
  }
  done_(status);  // may destroy this
}

absl::StatusOr<Passage> PassThrough(EventLoop& loop, std::unique_ptr<Socket> socket,
                                    absl::AnyInvocable<void(const absl::Status&)> done) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
    return base::ErrnoStatus(errno, "pass the connection on");
  return Passage{pair[1], std::make_unique<BytePump>(
                              std::move(socket), MakePlainSocket(loop, pair[0]), std::move(done))};
}

}  // namespace hawser::net
