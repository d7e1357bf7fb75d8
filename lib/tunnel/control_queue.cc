#include "lib/tunnel/control_queue.h"

#include <glog/logging.h>

#include <cstring>

namespace hawser::tunnel {
namespace {

using Size = uint32_t;

// Room at the head that is not worth moving the rest for.
constexpr size_t kMaxWaste = 4096;

}  // namespace

void ControlQueue::Push(const wire::Packet& packet) {
  if (head_ > kMaxWaste && head_ > buffer_.size() / 2) {
    buffer_.erase(0, head_);
    head_ = 0;
  }
  const auto size = static_cast<Size>(packet.ByteSizeLong());
  buffer_.append(reinterpret_cast<const char*>(&size), sizeof size);
  packet.AppendToString(&buffer_);
}

std::span<const uint8_t> ControlQueue::front() const {
  CHECK(!empty());
  Size size;
  std::memcpy(&size, buffer_.data() + head_, sizeof size);
  return {reinterpret_cast<const uint8_t*>(buffer_.data()) + head_ + sizeof size, size};
}

void ControlQueue::Pop() {
  head_ += sizeof(Size) + front().size();
  if (empty()) Clear();
}

void ControlQueue::Clear() {
  std::string().swap(buffer_);
  head_ = 0;
}

}  // namespace hawser::tunnel
