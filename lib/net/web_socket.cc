#include "lib/net/web_socket.h"

#include <glog/logging.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "lib/base/status.h"

namespace hawser::net {
namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kOpcode = 0x0f;
constexpr uint8_t kMasked = 0x80;
// In the place of a length: it follows in 2 or 8 bytes.
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;
constexpr size_t kMask = 4;

absl::Status Broken(const std::string& why) {
  return absl::InvalidArgumentError("websocket: " + why);
}

std::string Base64(const uint8_t* bytes, size_t size) {
  return absl::Base64Escape({reinterpret_cast<const char*>(bytes), size});
}

// A whole number of the header, big endian.
uint64_t Number(std::span<const uint8_t> bytes) {
  uint64_t number = 0;
  for (const uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

// Eight bytes at a time.
void Mask(std::span<uint8_t> bytes, const uint8_t* key) {
  uint64_t twice;
  std::memcpy(&twice, key, kMask);
  std::memcpy(reinterpret_cast<uint8_t*>(&twice) + kMask, key, kMask);
  for (; bytes.size() >= sizeof twice; bytes = bytes.subspan(sizeof twice)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    word ^= twice;
    std::memcpy(bytes.data(), &word, sizeof word);
  }
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= key[i % kMask];
}

}  // namespace

std::string NewWebSocketKey() {
  uint8_t key[16];
  CHECK_EQ(RAND_bytes(key, sizeof key), 1);
  return Base64(key, sizeof key);
}

std::string WebSocketAccept(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  uint8_t hash[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const uint8_t*>(text.data()), text.size(), hash);
  return Base64(hash, sizeof hash);
}

std::span<const uint8_t> SealWebSocketFrame(WebSocketOpcode opcode, std::span<uint8_t> payload) {
  const size_t size = payload.size();
  const size_t length_bytes = size < kLength16 ? 0 : size <= UINT16_MAX ? 2 : 8;
  const size_t header_size = 2 + length_bytes + kMask;
  uint8_t* const frame = payload.data() - header_size;
  uint8_t* at = frame;
  *at++ = kFinal | static_cast<uint8_t>(opcode);
  const uint8_t short_length = length_bytes == 0   ? static_cast<uint8_t>(size)
                               : length_bytes == 2 ? kLength16
                                                   : kLength64;
  *at++ = kMasked | short_length;
  for (size_t left = length_bytes; left > 0; --left)
    *at++ = static_cast<uint8_t>(size >> 8 * (left - 1));
  // Not to be foreseen by whoever chooses the payload (section 5.3).
  CHECK_EQ(RAND_bytes(at, kMask), 1);
  Mask(payload, at);
  return {frame, header_size + size};
}

absl::Status WebSocketReader::Feed(std::span<const uint8_t> bytes, Sink& sink) {
  while (!bytes.empty() && !closed_) {
    if (!in_payload_) {
      HAWSER_RETURN_IF_ERROR(TakeHeader(bytes[0], sink));
      bytes = bytes.subspan(1);
      continue;
    }
    const std::span<const uint8_t> piece = bytes.first(std::min<uint64_t>(bytes.size(), left_));
    bytes = bytes.subspan(piece.size());
    left_ -= piece.size();
    if (control()) {
      std::memcpy(control_.data() + control_size_, piece.data(), piece.size());
      control_size_ += piece.size();
    } else {
      HAWSER_RETURN_IF_ERROR(sink.OnMessageBytes(piece));
    }
    if (left_ == 0) HAWSER_RETURN_IF_ERROR(EndFrame(sink));
  }
  return absl::OkStatus();
}

absl::Status WebSocketReader::TakeHeader(uint8_t byte, Sink& sink) {
  header_[header_size_++] = byte;
  if (header_size_ < header_wanted_) return absl::OkStatus();
  const uint8_t length = header_[1];
  if (header_size_ == 2) {
    if ((length & kMasked) != 0) return Broken("a masked frame from the server");
    if (length == kLength16) header_wanted_ = 4;
    if (length == kLength64) header_wanted_ = 10;
    if (header_wanted_ > 2) return absl::OkStatus();
  }
  const std::span<const uint8_t> number(header_.data() + 2, header_size_ - 2);
  left_ = number.empty() ? length : Number(number);
  const uint64_t least = header_size_ == 2 ? 0 : header_size_ == 4 ? kLength16 : UINT16_MAX + 1;
  if (left_ < least || left_ > INT64_MAX) return Broken("a length that is not allowed");
  return BeginFrame(sink);
}

absl::Status WebSocketReader::BeginFrame(Sink& sink) {
  if ((header_[0] & kReserved) != 0) return Broken("an extension that was not asked for");
  final_ = (header_[0] & kFinal) != 0;
  opcode_ = header_[0] & kOpcode;
  header_size_ = 0;
  header_wanted_ = 2;
  in_payload_ = true;
  control_size_ = 0;
  switch (static_cast<WebSocketOpcode>(opcode_)) {
    case WebSocketOpcode::kContinuation:
      if (!in_message_) return Broken("a continuation of no message");
      break;
    case WebSocketOpcode::kText:
    case WebSocketOpcode::kBinary:
      if (in_message_) return Broken("a message within another one");
      in_message_ = true;
      HAWSER_RETURN_IF_ERROR(
          sink.OnMessageStart(opcode_ == static_cast<uint8_t>(WebSocketOpcode::kText)));
      break;
    case WebSocketOpcode::kClose:
    case WebSocketOpcode::kPing:
    case WebSocketOpcode::kPong:
      if (!final_ || left_ > kMaxControl) return Broken("a long control frame");
      break;
    default: return Broken("an unknown opcode");
  }
  return left_ == 0 ? EndFrame(sink) : absl::OkStatus();
}

absl::Status WebSocketReader::EndFrame(Sink& sink) {
  in_payload_ = false;
  if (opcode_ == static_cast<uint8_t>(WebSocketOpcode::kPing)) {
    sink.OnPing({control_.data(), control_size_});
  } else if (opcode_ == static_cast<uint8_t>(WebSocketOpcode::kClose)) {
    closed_ = true;
    sink.OnClose();
  } else if (!control() && final_) {
    in_message_ = false;
    return sink.OnMessageEnd();
  }
  return absl::OkStatus();
}

}  // namespace hawser::net
