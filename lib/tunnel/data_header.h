// The header of a DATA packet, written and read by hand: it is the only packet of the data path.
//
//   08 04            type = DATA
//   22 <length>      data {
//   08 <id>            connect_id
//   1a <length>        data: the payload follows
//
// Everything fits proto/hawser.proto; other encodings of DATA are legal and parsed by protobuf.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hawser::tunnel {

// Upper bound of a header, bytes: four tags, a type, three varints.
inline constexpr size_t kMaxDataHeader = 5 + 3 * 10;

class DataHeader {
 public:
  // The header for `payload` bytes of connection `id`.
  DataHeader(int64_t id, size_t payload);
  std::span<const uint8_t> bytes() const { return {bytes_.data(), size_}; }
  // Its size, without writing it.
  static size_t Size(int64_t id, size_t payload);

 private:
  std::array<uint8_t, kMaxDataHeader> bytes_;
  size_t size_;
};

struct ParsedDataHeader {
  enum Kind {
    kComplete,  // `header` bytes of header, then `payload` bytes
    kPartial,   // more bytes are needed to tell
    kOther,     // not a DATA packet in this form
  } kind;
  size_t header = 0;
  size_t payload = 0;
  int64_t id = 0;
};

// Reads the header at the start of `bytes`, the beginning of a message of `message_size` bytes.
ParsedDataHeader ParseDataHeader(std::span<const uint8_t> bytes, size_t message_size);

}  // namespace hawser::tunnel
