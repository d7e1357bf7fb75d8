#include "lib/tunnel/packet_decoder.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/tunnel/data_header.h"

namespace hawser::tunnel {

absl::Status PacketDecoder::Start(size_t size) {
  if (state_ != State::kIdle)
    return absl::InvalidArgumentError("packet: a message began inside another");
  message_size_ = size;
  buffer_.clear();
  state_ = State::kHead;
  return size == 0 ? FinishWhole() : absl::OkStatus();
}

absl::Status PacketDecoder::Feed(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kIdle:
        return absl::InvalidArgumentError("packet: more bytes than its message announced");
      case State::kHead: HAWSER_RETURN_IF_ERROR(FeedHead(bytes)); break;
      case State::kWhole: HAWSER_RETURN_IF_ERROR(FeedWhole(bytes)); break;
      case State::kPayload: {
        const auto piece = bytes.first(std::min(bytes.size(), payload_left_));
        payload_left_ -= piece.size();
        if (payload_left_ == 0) state_ = State::kIdle;
        HAWSER_RETURN_IF_ERROR(sink_.OnData(connection_id_, piece, true));
        bytes = bytes.subspan(piece.size());
        break;
      }
    }
  }
  return absl::OkStatus();
}

// Takes bytes until it is clear whether this is a DATA packet in the usual form.
absl::Status PacketDecoder::FeedHead(std::span<const uint8_t>& bytes) {
  ParsedDataHeader head;
  if (buffer_.empty()) {
    head = ParseDataHeader(bytes.first(std::min(bytes.size(), message_size_)), message_size_);
    if (head.kind == ParsedDataHeader::kComplete) bytes = bytes.subspan(head.header);
  } else {
    head.kind = ParsedDataHeader::kPartial;
  }
  // The head straddles pieces: byte by byte, which happens at most kMaxDataHeader times.
  while (head.kind == ParsedDataHeader::kPartial && !bytes.empty() &&
         buffer_.size() < message_size_) {
    buffer_.push_back(static_cast<char>(bytes.front()));
    bytes = bytes.subspan(1);
    head = ParseDataHeader({reinterpret_cast<const uint8_t*>(buffer_.data()), buffer_.size()},
                           message_size_);
  }
  if (head.kind == ParsedDataHeader::kComplete) {
    buffer_.clear();
    connection_id_ = head.id;
    payload_left_ = head.payload;
    state_ = head.payload > 0 ? State::kPayload : State::kIdle;
    // It has no bytes, and yet its cost.
    return head.payload > 0 ? absl::OkStatus() : sink_.OnData(connection_id_, {}, true);
  }
  if (head.kind == ParsedDataHeader::kOther || buffer_.size() == message_size_) {
    if (message_size_ > kMaxWhole) {
      return absl::InvalidArgumentError("packet: " + std::to_string(message_size_) +
                                        " bytes are too many for a control packet");
    }
    state_ = State::kWhole;
    if (buffer_.size() == message_size_) return FinishWhole();
  }
  return absl::OkStatus();
}

absl::Status PacketDecoder::FeedWhole(std::span<const uint8_t>& bytes) {
  const size_t take = std::min(bytes.size(), message_size_ - buffer_.size());
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), take);
  bytes = bytes.subspan(take);
  return buffer_.size() == message_size_ ? FinishWhole() : absl::OkStatus();
}

absl::Status PacketDecoder::FinishWhole() {
  state_ = State::kIdle;
  wire::Packet packet;
  if (!packet.ParseFromString(buffer_))
    return absl::InvalidArgumentError("packet: not a valid protobuf message");
  // A large one is not kept for the session's life.
  if (buffer_.capacity() > 1024) std::string().swap(buffer_);
  if (packet.type() != wire::DATA) return sink_.OnPacket(packet);
  const std::string& payload = packet.data().data();
  return sink_.OnData(packet.data().connect_id(),
                      {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()}, false);
}

}  // namespace hawser::tunnel
