#include "lib/tunnel/socket_endpoint.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hawser::tunnel {
namespace {

// How long bytes of an orderly closed connection may wait for a socket that takes none.
constexpr base::Duration kDrainLimit = std::chrono::seconds(10);
// How often the kernel is asked whether the last bytes of a closed connection have arrived.
constexpr base::Duration kLingerInterval = std::chrono::milliseconds(20);
// Gathered pieces per system call.
constexpr size_t kMaxGather = 64;
// Bytes written from the queue before other connections get their turn.
constexpr size_t kMaxWriteTurn = 1024 * 1024;

}  // namespace

std::shared_ptr<SocketEndpoint> SocketEndpoint::Make(std::unique_ptr<net::Socket> socket,
                                                     std::string read_ahead, Hop local) {
  return std::shared_ptr<SocketEndpoint>(
      new SocketEndpoint(std::move(socket), std::move(read_ahead), local));
}

SocketEndpoint::SocketEndpoint(std::unique_ptr<net::Socket> socket, std::string read_ahead,
                               Hop local)
    : socket_(std::move(socket)),
      local_(local),
      read_ahead_(std::move(read_ahead)),
      write_gathered_([this] {
        const auto self = shared_from_this();
        WriteGathered();
      }) {}

void SocketEndpoint::OnHangUp(base::Closure callback, bool silent) {
  silent_ = silent;
  hang_up_ = std::move(callback);
  WaitReadable();
}

std::unique_ptr<net::Socket> SocketEndpoint::TakeSocket() {
  hang_up_ = nullptr;
  return std::move(socket_);
}

void SocketEndpoint::Abort(const Failure& failure) {
  if (connection_ != nullptr) {
    connection_->Close(failure);
  } else if (closing_) {
    CloseSocket(&failure);
  }
}

void SocketEndpoint::OnOpen(Connection& connection) {
  connection_ = &connection;
  charge_.Attach(connection.memory());
  hang_up_ = nullptr;
  if (!greeting_.empty()) {
    greeting_left_ = greeting_.size();
    queue_.Append({reinterpret_cast<const uint8_t*>(greeting_.data()), greeting_.size()});
    std::string().swap(greeting_);
    WriteQueued();
    if (connection_ == nullptr) return;
  }
  if (readable_ || !read_ahead_.empty()) {
    connection.Ready();
  } else {
    WaitReadable();
  }
}

Pulled SocketEndpoint::Pull(std::span<uint8_t> space) {
  if (!read_ahead_.empty()) {
    const size_t take = std::min(space.size(), read_ahead_.size());
    std::memcpy(space.data(), read_ahead_.data(), take);
    read_ahead_.erase(0, take);
    if (read_ahead_.empty()) read_ahead_.shrink_to_fit();
    return {Pulled::kBytes, take};
  }
  if (socket_ == nullptr || !socket_->open()) return {Pulled::kDrained};
  const net::Socket::Result result = socket_->Read(space);
  switch (result.kind) {
    case net::Socket::Result::kOk:
      if (result.bytes == space.size()) return {Pulled::kBytes, result.bytes};
      // A short read: most likely all there is.
      WaitReadable();
      return {Pulled::kDrained, result.bytes};
    case net::Socket::Result::kWouldBlock: WaitReadable(); return {Pulled::kDrained};
    case net::Socket::Result::kEnd:
      if (!write_failed_) {
        read_ended_ = true;
        return {Pulled::kEnd};
      }
      SocketFailed();
      return {Pulled::kDrained};
    case net::Socket::Result::kError: SocketFailed(); return {Pulled::kDrained};
  }
  return {Pulled::kDrained};
}

void SocketEndpoint::WaitReadable() {
  if (reading_ || socket_ == nullptr) return;
  reading_ = true;
  socket_->WaitReadable([self = shared_from_this()] {
    self->reading_ = false;
    if (self->connection_ != nullptr) {
      self->connection_->Ready();
      return;
    }
    self->ReadEarly();
  });
}

void SocketEndpoint::ReadEarly() {
  readable_ = true;
  if (!hang_up_ || socket_ == nullptr) return;
  bool gone = socket_->HungUp();
  if (!gone && silent_) {
    uint8_t bytes[4096];
    const net::Socket::Result result = socket_->Read(bytes);
    if (result.kind == net::Socket::Result::kWouldBlock) {
      readable_ = false;
      WaitReadable();
      return;
    }
    read_ahead_.assign(bytes, bytes + result.bytes);
    silent_ = result.kind != net::Socket::Result::kOk;
    gone = silent_;
  }
  if (gone) std::exchange(hang_up_, nullptr)();
}

void SocketEndpoint::Deliver(std::span<const uint8_t> bytes) {
  if (write_failed_) {
    Wrote(bytes.size());
    return;
  }
  if (socket_ == nullptr || !socket_->open()) return;
  if (!queue_.empty()) {
    queue_.Append(bytes);
    charge_.Set(queue_.size());
    return;
  }
  gathered_.push_back({const_cast<uint8_t*>(bytes.data()), bytes.size()});
  if (gathered_.size() == kMaxGather) {
    WriteGathered();
  } else {
    write_gathered_.RequestOn(socket_->loop().sinks());
  }
}

void SocketEndpoint::WriteGathered() {
  write_gathered_.Cancel();
  // Swapped out: an idle connection holds no vector.
  std::vector<iovec> pieces;
  pieces.swap(gathered_);
  if (pieces.empty() || socket_ == nullptr || !socket_->open()) return;
  std::span<iovec> left(pieces);
  size_t written = 0;
  while (!left.empty()) {
    const net::Socket::Result result = socket_->Write(left);
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
  if (!left.empty()) {
    charge_.Set(queue_.size());
    WaitWritable();
  }
  Wrote(written);
  FinishIfWritten();
}

void SocketEndpoint::WriteQueued() {
  size_t written = 0;
  while (!queue_.empty() && written < kMaxWriteTurn) {
    iovec pieces[16];
    const size_t count = queue_.Peek(pieces);
    const net::Socket::Result result = socket_->Write({pieces, count});
    if (result.kind == net::Socket::Result::kError) {
      WriteFailed(written + queue_.size());
      return;
    }
    if (result.kind != net::Socket::Result::kOk) break;
    queue_.Consume(result.bytes);
    written += result.bytes;
  }
  charge_.Set(queue_.size());
  if (!queue_.empty()) WaitWritable();
  const size_t greeting = std::min(written, greeting_left_);
  greeting_left_ -= greeting;
  Wrote(written - greeting);
  FinishIfWritten();
}

// The socket takes no more, but what its peer sent before that is still to be read (a server that
// answers early and closes): the read side reports the end. It has nothing more to report when the
// peer finished sending before: then the peer is gone.
void SocketEndpoint::WriteFailed(size_t lost) {
  write_failed_ = true;
  queue_.Clear();
  charge_.Set(0);
  if (closing_) {
    CloseSocket(nullptr);
    return;
  }
  Wrote(lost - std::min(lost, std::exchange(greeting_left_, 0)));
  if (read_ended_) {
    SocketFailed();
  } else if (connection_ != nullptr) {
    connection_->Ready();
  }
}

void SocketEndpoint::WaitWritable() {
  if (writing_) return;
  writing_ = true;
  socket_->WaitWritable([self = shared_from_this()] {
    self->writing_ = false;
    if (self->socket_ != nullptr && self->socket_->open()) self->WriteQueued();
  });
}

void SocketEndpoint::Wrote(size_t bytes) {
  if (bytes == 0) return;
  if (connection_ != nullptr) connection_->Delivered(bytes);
  if (drain_deadline_ != nullptr)
    drain_deadline_->Set(kDrainLimit, [this] { CloseSocket(nullptr); });
}

void SocketEndpoint::DeliverEnd() {
  end_delivered_ = true;
  FinishIfWritten();
}

void SocketEndpoint::FinishIfWritten() {
  if (!queue_.empty() || !gathered_.empty() || socket_ == nullptr) return;
  if (closing_) {
    if (socket_->written()) {
      socket_->ShutdownWrite();
      Linger();
    } else {
      WaitWritable();  // TLS: ciphertext is still on its way
    }
  } else if (std::exchange(end_delivered_, false)) {
    socket_->ShutdownWrite();
  }
}

// Closing a TCP socket while unread bytes wait in it sends a reset, which throws away what the
// kernel has not yet sent: so it must be empty first.
void SocketEndpoint::Linger() {
  int unsent = 0;
  if (!socket_->open() || ioctl(socket_->fd(), SIOCOUTQ, &unsent) != 0 || unsent == 0 ||
      socket_->HungUp()) {
    CloseSocket(nullptr);
    return;
  }
  linger_ = std::make_unique<base::Timer>(socket_->loop());
  linger_->Set(kLingerInterval, [self = shared_from_this()] { self->Linger(); });
}

void SocketEndpoint::OnClosed(const Failure* failure) {
  connection_ = nullptr;
  if (socket_ == nullptr || !socket_->open()) {
    if (done_) std::exchange(done_, nullptr)(failure);
    return;
  }
  if (failure != nullptr) {
    CloseSocket(failure);
    return;
  }
  closing_ = true;
  const auto self = shared_from_this();
  drain_deadline_ = std::make_unique<base::Timer>(socket_->loop());
  drain_deadline_->Set(kDrainLimit, [this] { CloseSocket(nullptr); });
  FinishIfWritten();
}

bool SocketEndpoint::Gone() { return socket_ == nullptr || socket_->HungUp(); }

void SocketEndpoint::SocketFailed() {
  const auto self = shared_from_this();
  const Failure failure{Reason::kReset, local_, std::string(socket_->error().message())};
  if (connection_ != nullptr) {
    connection_->Close(failure);
  } else {
    CloseSocket(&failure);
  }
}

void SocketEndpoint::CloseSocket(const Failure* failure) {
  const auto self = shared_from_this();
  write_gathered_.Cancel();
  gathered_.clear();
  queue_.Clear();
  charge_.Set(0);
  drain_deadline_.reset();
  linger_.reset();
  if (socket_ != nullptr) {
    if (failure != nullptr) {
      socket_->Abort();
    } else {
      socket_->Close();
    }
  }
  if (done_) std::exchange(done_, nullptr)(failure);
}

}  // namespace hawser::tunnel
