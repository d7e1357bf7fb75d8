#include "lib/tunnel/socket_sink.h"

#include <algorithm>
#include <utility>

namespace hawser::tunnel {
namespace {

// Gathered pieces per system call.
constexpr size_t kMaxGather = 64;
// Bytes written from the queue before other connections get their turn.
constexpr size_t kMaxWriteTurn = 1024 * 1024;
// How often the kernel is asked what has arrived of a finished connection's bytes: soon at first,
// since most arrive at once, then ever more rarely.
constexpr base::Duration kFirstLook = std::chrono::milliseconds(20);
constexpr base::Duration kLastLook = std::chrono::seconds(1);
// Patience when memory is short, and when there is none left.
constexpr base::Duration kShortPatience = std::chrono::seconds(10);
constexpr base::Duration kLeastPatience = std::chrono::seconds(1);

}  // namespace

SocketSink::SocketSink(net::Socket& socket, Owner& owner, base::Duration patience)
    : socket_(socket),
      owner_(owner),
      patience_(patience),
      write_gathered_([this] { WriteGathered(); }) {}

void SocketSink::ChargeTo(std::shared_ptr<MemoryBudget> budget) {
  budget_ = std::move(budget);
  charge_.Attach(budget_);
}

void SocketSink::Greet(std::string_view greeting) {
  greeting_left_ = static_cast<uint32_t>(greeting.size());
  queue_.Append({reinterpret_cast<const uint8_t*>(greeting.data()), greeting.size()});
  WriteQueued();
}

void SocketSink::Write(std::span<const uint8_t> bytes) {
  if (failed_) {
    owner_.OnWritten(bytes.size());
    return;
  }
  if (state_ != State::kOpen) return;
  if (!queue_.empty()) {
    queue_.Append(bytes);
    charge_.Set(queue_.memory() + socket_.unwritten());
    return;
  }
  gathered_.push_back({const_cast<uint8_t*>(bytes.data()), bytes.size()});
  if (gathered_.size() == kMaxGather) {
    WriteGathered();
  } else {
    write_gathered_.RequestOn(socket_.loop().sinks());
  }
}

void SocketSink::WriteGathered() {
  write_gathered_.Cancel();
  // Swapped out: an idle connection holds no vector.
  std::vector<iovec> pieces;
  pieces.swap(gathered_);
  std::span<iovec> left(pieces);
  size_t written = 0;
  while (!left.empty()) {
    const net::Socket::Result result = socket_.Write(left);
    if (result.kind == net::Socket::Result::kError) {
      for (const iovec& piece : left) written += piece.iov_len;
      WriteFailed(written);
      return;
    }
    if (result.kind != net::Socket::Result::kOk) break;
    written += result.bytes;
    size_t skip = result.bytes;
    while (!left.empty() && skip >= left.front().iov_len) {
      skip -= left.front().iov_len;
      left = left.subspan(1);
    }
    if (!left.empty()) {
      left.front().iov_base = static_cast<uint8_t*>(left.front().iov_base) + skip;
      left.front().iov_len -= skip;
    }
  }
  for (const iovec& piece : left)
    queue_.Append({static_cast<const uint8_t*>(piece.iov_base), piece.iov_len});
  Took(written);
  Advance();
}

void SocketSink::WriteQueued() {
  Took(0);
  size_t written = 0;
  while (!queue_.empty() && written < kMaxWriteTurn) {
    iovec pieces[16];
    const size_t count = queue_.Peek(pieces);
    const net::Socket::Result result = socket_.Write({pieces, count});
    if (result.kind == net::Socket::Result::kError) {
      WriteFailed(written + queue_.size());
      return;
    }
    if (result.kind != net::Socket::Result::kOk) break;
    queue_.Consume(result.bytes);
    written += result.bytes;
  }
  Took(written);
  Advance();
}

void SocketSink::WaitWritable() {
  if (std::exchange(writing_, true)) return;
  socket_.WaitWritable([this] {
    writing_ = false;
    WriteQueued();
  });
}

void SocketSink::Took(size_t bytes) {
  in_socket_ += bytes;
  const size_t left = socket_.written() ? std::exchange(in_socket_, 0) : 0;
  charge_.Set(queue_.memory() + socket_.unwritten());
  if (!queue_.empty() || in_socket_ > 0) WaitWritable();
  Wrote(left);
}

void SocketSink::Wrote(size_t bytes) {
  const size_t greeting = std::min<size_t>(bytes, greeting_left_);
  greeting_left_ -= static_cast<uint32_t>(greeting);
  if (bytes > greeting) owner_.OnWritten(bytes - greeting);
}

void SocketSink::WriteFailed(size_t lost) {
  failed_ = true;
  lost += std::exchange(in_socket_, 0);
  queue_.Clear();
  charge_.Set(0);
  if (state_ != State::kOpen) {
    Close(Lost());
    return;
  }
  Wrote(lost);
  owner_.OnWriteFailed();
}

size_t SocketSink::Drained() {
  const size_t left = Left();
  const size_t before = std::exchange(left_, left);
  return before - std::min(before, left);
}

void SocketSink::End() {
  end_ = true;
  Advance();
}

void SocketSink::Finish(std::shared_ptr<void> owner) {
  if (state_ != State::kOpen) return;
  // Now, since the batch that the pieces are in does not last.
  if (!gathered_.empty()) WriteGathered();
  if (state_ != State::kOpen) return;
  state_ = State::kFlush;
  if (failed_) {
    Close(Lost());
    return;
  }
  Advance();
  if (state_ != State::kClosed) Watch(std::move(owner));
}

void SocketSink::Advance() {
  if (!queue_.empty() || !gathered_.empty() || failed_) return;
  if (state_ == State::kFlush && !socket_.written()) {
    WaitWritable();  // TLS: ciphertext is still on its way
    return;
  }
  const bool end = end_ || state_ == State::kFlush;
  if (end && !std::exchange(shut_, true)) socket_.ShutdownWrite();
  if (state_ == State::kOpen) return;
  const bool lingering = std::exchange(state_, State::kLinger) == State::kLinger;
  // A peer that has reset the connection has chosen to miss the rest.
  if (socket_.Outstanding() == 0 || socket_.Look() == net::Socket::Peer::kReset) {
    Close(absl::OkStatus());
  } else if (!lingering) {
    socket_.WaitHangUp([this] { Advance(); });
  }
}

absl::Status SocketSink::Lost() const {
  return socket_.error().ok() ? absl::UnavailableError("the socket takes no more")
                              : socket_.error();
}

void SocketSink::Watch(std::shared_ptr<void> owner) {
  closing_ = std::make_unique<Closing>(socket_.loop());
  closing_->interval = kFirstLook;
  closing_->progress_at = socket_.loop().Now();
  closing_->left = Left();
  closing_->timer.Set(kFirstLook, [this, owner = std::move(owner)] { Look(owner); });
}

void SocketSink::Look(std::shared_ptr<void> owner) {
  if (closing_ == nullptr) return;  // closed in this very turn
  const base::Time now = socket_.loop().Now();
  const size_t left = Left();
  if (left < closing_->left) closing_->progress_at = now;
  closing_->left = left;
  if (now - closing_->progress_at >= Patience()) {
    Close(absl::DeadlineExceededError("the rest was not taken in time"));
    return;
  }
  closing_->interval = std::min(2 * closing_->interval, kLastLook);
  closing_->timer.Set(closing_->interval, [this, owner = std::move(owner)] { Look(owner); });
  Advance();
}

base::Duration SocketSink::Patience() const {
  if (budget_ == nullptr) return patience_;
  switch (budget_->pressure()) {
    case MemoryBudget::Pressure::kFull: return std::min(patience_, kLeastPatience);
    case MemoryBudget::Pressure::kRefuse: return std::min(patience_, kShortPatience);
    default: return patience_;
  }
}

void SocketSink::Close(const absl::Status& status) {
  Drop();
  owner_.OnFinished(status);
}

void SocketSink::Drop() {
  state_ = State::kClosed;
  write_gathered_.Cancel();
  gathered_.clear();
  queue_.Clear();
  charge_.Set(0);
  // The owner may be on the stack: it goes with a later turn.
  if (closing_ != nullptr) socket_.loop().Post([closing = std::move(closing_)] {});
}

}  // namespace hawser::tunnel
