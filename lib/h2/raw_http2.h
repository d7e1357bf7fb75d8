// HTTP/2 written by hand, for peers that misbehave.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hawser::h2 {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
enum FrameFlag : uint8_t { kNoFlags = 0, kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };

// Big endian, `bytes` long.
inline std::string Number(uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text.push_back(static_cast<char>(value >> shift));
  return text;
}

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return Number(payload.size(), 3) + Number(type, 1) + Number(flags, 1) + Number(stream, 4) +
         std::string(payload);
}

// An HPACK string without Huffman coding (RFC 7541 section 5.2).
inline std::string HpackString(std::string_view text) {
  constexpr size_t kPrefix = 127;
  if (text.size() < kPrefix) return Number(text.size(), 1) + std::string(text);
  std::string encoded = Number(kPrefix, 1);
  size_t rest = text.size() - kPrefix;
  for (; rest >= 128; rest >>= 7) encoded.push_back(static_cast<char>(rest | 128));
  return encoded + Number(rest, 1) + std::string(text);
}

// A header field: a literal with a new name, without (or with) an entry in the dynamic table.
inline std::string Field(std::string_view name, std::string_view value, bool indexed = false) {
  return Number(indexed ? 0x40 : 0, 1) + HpackString(name) + HpackString(value);
}

inline std::string Preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, kNoFlags, 0, "");
}

inline std::string RequestFields(std::string_view method = "POST") {
  return Field(":method", method) + Field(":scheme", "http") + Field(":authority", "hub") +
         Field(":path", "/x/Y") + Field("content-type", "application/grpc") +
         Field("te", "trailers");
}

// A complete request that leaves the client's side open.
inline std::string Request(uint32_t stream) {
  return Frame(kHeaders, kEndHeaders, stream, RequestFields());
}

inline std::string Reset(uint32_t stream) {
  return Frame(kRstStream, kNoFlags, stream, Number(8, 4));  // CANCEL
}

// A gRPC message's prefix, and the message.
inline std::string Prefix(uint32_t size, uint8_t flags = 0) {
  return Number(flags, 1) + Number(size, 4);
}
inline std::string Message(std::string_view text) {
  return Prefix(static_cast<uint32_t>(text.size())) + std::string(text);
}

}  // namespace hawser::h2
