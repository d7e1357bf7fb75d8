// Packets that wait to go ahead of data: first in, first out, serialised one behind the other in
// one piece of memory, so that what they take is known and little more than what is sent. Empty, it
// holds none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "proto/hawser.pb.h"

namespace hawser::tunnel {

class ControlQueue {
 public:
  void Push(const wire::Packet& packet);
  bool empty() const { return head_ == buffer_.size(); }
  // The oldest packet; only while there is one, until the next call of another method.
  std::span<const uint8_t> front() const;
  void Pop();
  void Clear();
  // Memory held, bytes.
  size_t memory() const { return buffer_.empty() ? 0 : buffer_.capacity(); }

 private:
  std::string buffer_;  // each packet behind its size
  size_t head_ = 0;     // where the oldest one begins
};

}  // namespace hawser::tunnel
