#include "lib/net/hello_limit.h"

#include <algorithm>

namespace hawser::net {
namespace {

// Content types of records (RFC 8446, section 5.1), and the one type of message that matters.
constexpr uint8_t kChangeCipherSpec = 20, kHandshake = 22;
constexpr uint8_t kClientHello = 1;

}  // namespace

bool HelloLimit::Allows(std::span<const uint8_t> bytes, Agreed agreed) {
  while (!bytes.empty() && !done_ && !refused_) {
    // Bodies are passed over at once.
    const size_t passed = record_[0] == kHandshake ? message_left_ : payload_left_;
    const size_t skip = record_size_ == 0 ? std::min({bytes.size(), payload_left_, passed}) : 0;
    if (skip > 0) {
      payload_left_ -= skip;
      if (record_[0] == kHandshake) message_left_ -= skip;
      bytes = bytes.subspan(skip);
    } else {
      OnByte(bytes.front(), agreed);
      bytes = bytes.subspan(1);
    }
  }
  return !refused_;
}

void HelloLimit::OnByte(uint8_t byte, Agreed agreed) {
  if (payload_left_ == 0) {
    record_[record_size_++] = byte;
    if (record_size_ == kRecordHeader) OnRecordHeader(agreed);
    return;
  }
  --payload_left_;
  if (record_[0] == kHandshake) OnHandshakeByte(byte);
}

// Early data, which is ignored, may stand ahead of a second ClientHello.
void HelloLimit::OnRecordHeader(Agreed agreed) {
  record_size_ = 0;
  payload_left_ = static_cast<size_t>(record_[3]) << 8 | record_[4];
  if (record_[0] != kChangeCipherSpec) return;
  refused_ = agreed == Agreed::kNothing;
  done_ = agreed == Agreed::kOlder;
}

void HelloLimit::OnHandshakeByte(uint8_t byte) {
  message_[message_size_++] = byte;
  if (message_size_ < kMessageHeader) return;
  message_size_ = 0;
  message_left_ =
      static_cast<size_t>(message_[1]) << 16 | static_cast<size_t>(message_[2]) << 8 | message_[3];
  refused_ = message_[0] == kClientHello && message_left_ > kMost;
}

}  // namespace hawser::net
