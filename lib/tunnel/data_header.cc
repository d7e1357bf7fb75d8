#include "lib/tunnel/data_header.h"

namespace hawser::tunnel {
namespace {

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

uint8_t* PutVarint(uint8_t* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<uint8_t>(value) | 0x80;
  *out++ = static_cast<uint8_t>(value);
  return out;
}

// What the `data` field holds, in bytes.
size_t InnerSize(int64_t id, size_t payload) {
  return 1 + VarintSize(static_cast<uint64_t>(id)) + 1 + VarintSize(payload) + payload;
}

// A cursor that remembers whether it ran out of bytes or met something else.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool Expect(uint8_t value) {
    if (at_ == bytes_.size()) return Fail(ParsedDataHeader::kPartial);
    if (bytes_[at_] != value) return Fail(ParsedDataHeader::kOther);
    ++at_;
    return true;
  }
  bool Varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) return Fail(ParsedDataHeader::kPartial);
      const uint8_t byte = bytes_[at_++];
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return Fail(ParsedDataHeader::kOther);
  }
  size_t at() const { return at_; }
  ParsedDataHeader::Kind failure() const { return failure_; }

 private:
  bool Fail(ParsedDataHeader::Kind kind) {
    failure_ = kind;
    return false;
  }
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  ParsedDataHeader::Kind failure_ = ParsedDataHeader::kOther;
};

}  // namespace

DataHeader::DataHeader(int64_t id, size_t payload) {
  uint8_t* out = bytes_.data();
  *out++ = 0x08;
  *out++ = 0x04;
  *out++ = 0x22;
  out = PutVarint(out, InnerSize(id, payload));
  *out++ = 0x08;
  out = PutVarint(out, static_cast<uint64_t>(id));
  *out++ = 0x1a;
  out = PutVarint(out, payload);
  size_ = static_cast<size_t>(out - bytes_.data());
}

size_t DataHeader::Size(int64_t id, size_t payload) {
  const size_t inner = InnerSize(id, payload);
  return 3 + VarintSize(inner) + inner - payload;
}

ParsedDataHeader ParseDataHeader(std::span<const uint8_t> bytes, size_t message_size) {
  Reader reader(bytes);
  uint64_t inner = 0;
  uint64_t id = 0;
  uint64_t payload = 0;
  const auto ends_message = [&](uint64_t length) {
    return reader.at() <= message_size && length == message_size - reader.at();
  };
  if (!reader.Expect(0x08) || !reader.Expect(0x04) || !reader.Expect(0x22) || !reader.Varint(inner))
    return {reader.failure()};
  if (!ends_message(inner)) return {ParsedDataHeader::kOther};
  if (!reader.Expect(0x08) || !reader.Varint(id) || !reader.Expect(0x1a) || !reader.Varint(payload))
    return {reader.failure()};
  if (!ends_message(payload)) return {ParsedDataHeader::kOther};
  return {ParsedDataHeader::kComplete, reader.at(), static_cast<size_t>(payload),
          static_cast<int64_t>(id)};
}

}  // namespace hawser::tunnel
