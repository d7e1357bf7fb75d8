#include "spoke/port_forward_socket.h"

#include <glog/logging.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::spoke {
namespace {

constexpr uint8_t kData = 0;
constexpr uint8_t kError = 1;
constexpr size_t kPort = 2;              // bytes
constexpr size_t kMaxFrame = 32 * 1024;  // payload that we send, bytes
constexpr size_t kMaxComplaint = 1024;   // bytes that are kept of one
// Answers to pings wait behind what is unsent; no more than that, since others decide how many.
constexpr size_t kMaxUnsent = 2 * kMaxFrame;
// Frames may hold nothing for the caller, as pings do: then others on the loop get their turn.
constexpr int kReadsPerCall = 8;

}  // namespace

PortForwardSocket::PortForwardSocket(std::unique_ptr<net::Socket> inner, std::string early,
                                     uint16_t port)
    : inner_(std::move(inner)),
      port_(port),
      early_(std::move(early)),
      early_turn_(inner_->loop()) {}

net::Socket::Result PortForwardSocket::ReadInner(std::span<uint8_t> space) {
  if (early_.empty()) return inner_->Read(space);
  const size_t bytes = std::min(early_.size(), space.size());
  std::memcpy(space.data(), early_.data(), bytes);
  early_.erase(0, bytes);
  return {Result::kOk, bytes};
}

net::Socket::Result PortForwardSocket::Read(std::span<uint8_t> space) {
  for (int reads = 0; !ended_ && error_.ok(); ++reads) {
    if (reads == kReadsPerCall) return {Result::kWouldBlock};
    const Result result = ReadInner(space);
    if (result.kind != Result::kOk) {
      // What it said before it went explains more than that it went.
      ended_ = ended_ || result.kind == Result::kEnd;
      if (result.kind == Result::kWouldBlock) return result;
      break;
    }
    // What is left of the frames is never longer than the frames were.
    output_ = space.data();
    error_ = reader_.Feed(space.first(result.bytes), *this);
    const auto bytes = static_cast<size_t>(output_ - space.data());
    if (bytes > 0) return {Result::kOk, bytes};
  }
  return {ended_ && error_.ok() ? Result::kEnd : Result::kError};
}

absl::Status PortForwardSocket::OnMessageStart(bool text) {
  channel_ = -1;
  return text ? absl::InvalidArgumentError("a message of text") : absl::OkStatus();
}

absl::Status PortForwardSocket::TakePort(std::span<const uint8_t>& bytes) {
  size_t& taken = port_bytes_[channel_];
  for (; taken < kPort && !bytes.empty(); bytes = bytes.subspan(1))
    if (bytes[0] != static_cast<uint8_t>(port_ >> 8 * taken++))
      return absl::InvalidArgumentError("bytes of another port");
  return absl::OkStatus();
}

absl::Status PortForwardSocket::OnMessageBytes(std::span<const uint8_t> bytes) {
  if (channel_ == -1) {
    channel_ = bytes[0];
    bytes = bytes.subspan(1);
    if (channel_ != kData && channel_ != kError)
      return absl::InvalidArgumentError("an unknown channel");
  }
  HAWSER_RETURN_IF_ERROR(TakePort(bytes));
  if (channel_ == kData) {
    std::memmove(output_, bytes.data(), bytes.size());
    output_ += bytes.size();
  } else {
    const size_t taken = std::min(bytes.size(), kMaxComplaint - complaint_.size());
    complaint_.append(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(taken));
  }
  return absl::OkStatus();
}

absl::Status PortForwardSocket::OnMessageEnd() {
  if (complaint_.empty()) return absl::OkStatus();
  return absl::UnavailableError("its end says " + base::Quote(complaint_));
}

void PortForwardSocket::OnPing(std::span<const uint8_t> payload) {
  if (shut_ || unsent_.size() > kMaxUnsent) return;
  uint8_t space[net::kWebSocketHeader + net::WebSocketReader::kMaxControl];
  const std::span<uint8_t> body(space + net::kWebSocketHeader, payload.size());
  std::copy(payload.begin(), payload.end(), body.begin());
  SendFrame(net::SealWebSocketFrame(net::WebSocketOpcode::kPong, body));
}

net::Socket::Result PortForwardSocket::Write(std::span<const iovec> bytes) {
  if (shut_ || !error_.ok()) return {Result::kError};
  if (!SendUnsent()) return {inner_->error().ok() ? Result::kWouldBlock : Result::kError};
  uint8_t* const payload = loop().write_batch() + net::kWebSocketHeader;
  payload[0] = kData;
  size_t size = 1;
  for (const iovec& piece : bytes) {
    const size_t taken = std::min(piece.iov_len, kMaxFrame - size);
    std::memcpy(payload + size, piece.iov_base, taken);
    size += taken;
  }
  SendFrame(net::SealWebSocketFrame(net::WebSocketOpcode::kBinary, {payload, size}));
  if (!inner_->error().ok()) return {Result::kError};
  return {Result::kOk, size - 1};
}

// Errors are seen by the next read or write.
void PortForwardSocket::SendFrame(std::span<const uint8_t> frame) {
  size_t sent = 0;
  if (SendUnsent()) {
    const iovec piece{const_cast<uint8_t*>(frame.data()), frame.size()};
    const Result result = inner_->Write({&piece, 1});
    if (result.kind == Result::kOk) sent = result.bytes;
  }
  const bool flushing = !unsent_.empty();
  unsent_.Append(frame.subspan(sent));
  if (!flushing && !unsent_.empty()) FlushLater();
}

// Whether nothing is left.
bool PortForwardSocket::SendUnsent() {
  while (!unsent_.empty()) {
    iovec pieces[16];
    const size_t count = unsent_.Peek(pieces);
    const Result result = inner_->Write({pieces, count});
    if (result.kind != Result::kOk) return false;
    unsent_.Consume(result.bytes);
  }
  return true;
}

void PortForwardSocket::WaitReadable(base::Closure callback) {
  if (!early_.empty() || ended_ || !error_.ok()) {
    early_turn_.Set(base::Duration::zero(), std::move(callback));
  } else {
    inner_->WaitReadable(std::move(callback));
  }
}

void PortForwardSocket::FlushLater() {
  inner_->WaitWritable([this] {
    if (!SendUnsent() && inner_->error().ok()) {
      FlushLater();
      return;
    }
    if (shut_) inner_->ShutdownWrite();
    if (base::Closure callback = std::exchange(writable_, nullptr)) callback();  // may destroy this
  });
}

void PortForwardSocket::WaitWritable(base::Closure callback) {
  writable_ = std::move(callback);
  FlushLater();
}

void PortForwardSocket::StopWaiting() {
  early_turn_.Cancel();
  inner_->StopWaiting();
  writable_ = nullptr;
  if (!unsent_.empty()) FlushLater();
}

void PortForwardSocket::ShutdownWrite() {
  if (std::exchange(shut_, true) || !inner_->open()) return;
  uint8_t space[net::kWebSocketHeader];
  SendFrame(net::SealWebSocketFrame(net::WebSocketOpcode::kClose,
                                    {space + net::kWebSocketHeader, size_t{0}}));
  if (unsent_.empty()) inner_->ShutdownWrite();
}

void PortForwardSocket::Detach() { LOG(FATAL) << "a port-forward does not move"; }
void PortForwardSocket::Attach(net::EventLoop&) { LOG(FATAL) << "a port-forward does not move"; }

}  // namespace hawser::spoke
