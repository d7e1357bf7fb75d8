// Reads packets out of message bytes as they arrive. DATA is not reassembled: its header is parsed
// and its payload handed on piece by piece, so a message of any length costs no memory. All other
// packets are small and are parsed whole.
//
// Threads: none of its own. Input is hostile: every length is checked, errors are final.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "proto/hawser.pb.h"

namespace hawser::tunnel {

class PacketDecoder {
 public:
  // Largest packet that is parsed whole, bytes: control packets, and DATA whose encoding does not
  // begin with type, connection id, data in this order. A stream's window must be twice that at
  // least, or such a packet could wait for ever for the window that its own beginning takes.
  static constexpr size_t kMaxWhole = 32 * 1024;

  class Sink {
   public:
    // Any packet but DATA.
    virtual absl::Status OnPacket(const wire::Packet& packet) = 0;
    // The next bytes of connection `id`. `bytes` live as long as what was passed to Feed(), except
    // when `stable` is false: then only during the call, and there may be more of them than Feed()
    // was given, since the packet was collected over several calls.
    virtual absl::Status OnData(int64_t id, std::span<const uint8_t> bytes, bool stable) = 0;

   protected:
    ~Sink() = default;
  };

  explicit PacketDecoder(Sink& sink) : sink_(sink) {}

  // A message of `size` bytes begins. InvalidArgument when the last one was not complete.
  absl::Status Start(size_t size);
  // Its next bytes; never more than announced.
  absl::Status Feed(std::span<const uint8_t> bytes);
  // Bytes that are kept of a message that is not complete yet.
  size_t kept() const { return state_ == State::kIdle ? 0 : buffer_.size(); }
  // What keeping them takes.
  size_t memory() const { return state_ == State::kIdle ? 0 : buffer_.capacity(); }

 private:
  enum class State { kIdle, kHead, kWhole, kPayload };

  absl::Status FeedHead(std::span<const uint8_t>& bytes);
  absl::Status FeedWhole(std::span<const uint8_t>& bytes);
  absl::Status FinishWhole();

  Sink& sink_;
  State state_ = State::kIdle;
  size_t message_size_ = 0;
  size_t payload_left_ = 0;
  int64_t connection_id_ = 0;
  std::string buffer_;  // a head that straddles pieces, or a whole packet
};

}  // namespace hawser::tunnel
