#include "lib/h2/grpc_framing.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "lib/base/status.h"

namespace hawser::h2 {

absl::Status Deframer::Feed(std::span<const uint8_t> bytes, Sink& sink) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const size_t piece = std::min(bytes.size(), left_);
      left_ -= piece;
      HAWSER_RETURN_IF_ERROR(sink.OnMessageBytes(bytes.first(piece)));
      bytes = bytes.subspan(piece);
      continue;
    }
    const size_t piece = std::min(bytes.size(), kPrefix - prefix_size_);
    std::memcpy(prefix_.data() + prefix_size_, bytes.data(), piece);
    prefix_size_ += static_cast<uint8_t>(piece);
    bytes = bytes.subspan(piece);
    if (prefix_size_ < kPrefix) return absl::OkStatus();
    prefix_size_ = 0;
    HAWSER_RETURN_IF_ERROR(ParsePrefix(left_));
    HAWSER_RETURN_IF_ERROR(sink.OnMessageStart(left_));
  }
  return absl::OkStatus();
}

absl::Status Deframer::ParsePrefix(size_t& size) const {
  if (prefix_[0] == 1) return absl::InvalidArgumentError("peer sent a compressed message");
  if (prefix_[0] != 0) return absl::InvalidArgumentError("peer sent a message with unknown flags");
  const uint32_t announced = static_cast<uint32_t>(prefix_[1]) << 24 |
                             static_cast<uint32_t>(prefix_[2]) << 16 |
                             static_cast<uint32_t>(prefix_[3]) << 8 | prefix_[4];
  if (announced > max_message_) {
    return absl::InvalidArgumentError("peer announced a message of " + std::to_string(announced) +
                                      " bytes, limit " + std::to_string(max_message_));
  }
  size = announced;
  return absl::OkStatus();
}

}  // namespace hawser::h2
