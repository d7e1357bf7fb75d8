// A FIFO of bytes in blocks of at most 64 KiB. Holds no memory while empty, and moves nothing when
// it grows.
//
// Threads: none of its own.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hawser::net {

class ByteQueue {
 public:
  ByteQueue() = default;
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ~ByteQueue() { Clear(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Bytes that the blocks take, those that are free included.
  size_t memory() const { return memory_; }

  void Append(std::span<const uint8_t> bytes);
  // Points `pieces` to the bytes at the head, in order, without removing them; returns how many
  // pieces were set. They are valid until the next change of the queue.
  size_t Peek(std::span<iovec> pieces) const;
  // Removes `count` bytes, at most size().
  void Consume(size_t count);
  // Moves up to out.size() bytes out of the queue; returns how many.
  size_t Read(std::span<uint8_t> out);
  void Clear();

 private:
  struct Block {
    Block* next;
    size_t begin, end, capacity;
    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
  };
  void AddBlock(size_t wanted);
  void DropFirst();

  Block* first_ = nullptr;
  Block* last_ = nullptr;
  size_t size_ = 0;
  size_t memory_ = 0;
};

}  // namespace hawser::net
