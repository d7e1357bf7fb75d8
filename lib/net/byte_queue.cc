#include "lib/net/byte_queue.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace hawser::net {
namespace {

constexpr size_t kSmallestBlock = 512;
constexpr size_t kBlock = 16 * 1024;
constexpr size_t kLargestBlock = 64 * 1024;

}  // namespace

void ByteQueue::Append(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->end == last_->capacity) AddBlock(bytes.size());
    const size_t take = std::min(bytes.size(), last_->capacity - last_->end);
    std::memcpy(last_->bytes() + last_->end, bytes.data(), take);
    last_->end += take;
    size_ += take;
    bytes = bytes.subspan(take);
  }
}

size_t ByteQueue::Peek(std::span<iovec> pieces) const {
  size_t count = 0;
  for (Block* block = first_; block != nullptr && count < pieces.size(); block = block->next)
    pieces[count++] = {block->bytes() + block->begin, block->end - block->begin};
  return count;
}

void ByteQueue::Consume(size_t count) {
  count = std::min(count, size_);
  size_ -= count;
  while (count > 0) {
    const size_t take = std::min(count, first_->end - first_->begin);
    first_->begin += take;
    count -= take;
    if (first_->begin == first_->end) DropFirst();
  }
}

size_t ByteQueue::Read(std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size() && first_ != nullptr) {
    const size_t take = std::min(out.size() - done, first_->end - first_->begin);
    std::memcpy(out.data() + done, first_->bytes() + first_->begin, take);
    first_->begin += take;
    done += take;
    if (first_->begin == first_->end) DropFirst();
  }
  size_ -= done;
  return done;
}

void ByteQueue::Clear() {
  while (first_ != nullptr) DropFirst();
  size_ = 0;
}

// A few bytes get a small block, a queue that grows gets larger ones.
void ByteQueue::AddBlock(size_t wanted) {
  const size_t least = empty() ? kSmallestBlock : kBlock;
  const size_t capacity = std::clamp(wanted + sizeof(Block), least, kLargestBlock) - sizeof(Block);
  Block* block = static_cast<Block*>(::operator new(sizeof(Block) + capacity));
  *block = {nullptr, 0, 0, capacity};
  (last_ != nullptr ? last_->next : first_) = block;
  last_ = block;
  memory_ += sizeof(Block) + capacity;
}

void ByteQueue::DropFirst() {
  Block* block = first_;
  first_ = block->next;
  memory_ -= sizeof(Block) + block->capacity;
  if (first_ == nullptr) last_ = nullptr;
  ::operator delete(block);
}

}  // namespace hawser::net
