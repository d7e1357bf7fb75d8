// gRPC's length-prefixed messages, taken apart as they arrive: nothing is reassembled, nothing is
// kept but the five bytes of a prefix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace hawser::h2 {

class Deframer {
 public:
  // Gets the messages; an error stops the deframer. Same calls as net::StreamHandler.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual absl::Status OnMessageStart(size_t size) = 0;
    virtual absl::Status OnMessageBytes(std::span<const uint8_t> bytes) = 0;
  };

  explicit Deframer(uint32_t max_message) : max_message_(max_message) {}

  // Takes the next bytes of the stream. Fails with the sink's error, and with kInvalidArgument for
  // a message that is compressed, has other flags, or is longer than `max_message` bytes; the
  // deframer must then not be fed again.
  absl::Status Feed(std::span<const uint8_t> bytes, Sink& sink);
  // Whether the stream may end here.
  bool at_message_end() const { return prefix_size_ == 0 && left_ == 0; }

 private:
  static constexpr size_t kPrefix = 5;
  // The size that a complete prefix announces.
  absl::Status ParsePrefix(size_t& size) const;

  const uint32_t max_message_;
  std::array<uint8_t, kPrefix> prefix_;
  uint8_t prefix_size_ = 0;
  size_t left_ = 0;  // bytes of the current message still to come
};

}  // namespace hawser::h2
