#include "lib/net/message_stream.h"

#include <algorithm>
#include <cstring>

namespace hawser::net {
namespace {

void PutPrefix(uint8_t* prefix, size_t message_size) {
  prefix[0] = 0;  // not compressed
  prefix[1] = static_cast<uint8_t>(message_size >> 24);
  prefix[2] = static_cast<uint8_t>(message_size >> 16);
  prefix[3] = static_cast<uint8_t>(message_size >> 8);
  prefix[4] = static_cast<uint8_t>(message_size);
}

}  // namespace

std::string FramedMessage(const std::string& message) {
  std::string framed(MessageBatch::kPrefix, '\0');
  PutPrefix(reinterpret_cast<uint8_t*>(framed.data()), message.size());
  return framed + message;
}

std::span<uint8_t> MessageBatch::PayloadSpace(size_t header) {
  const size_t overhead = kPrefix + header;
  if (space() <= overhead) return {};
  return {begin_ + size_ + overhead, space() - overhead};
}

void MessageBatch::CommitPayload(size_t announced_header, std::span<const uint8_t> header,
                                 size_t payload) {
  uint8_t* const body = begin_ + size_ + kPrefix;
  // A short read has a shorter length field: its few bytes move up, so messages stay adjacent.
  if (header.size() < announced_header)
    std::memmove(body + header.size(), body + announced_header, payload);
  if (!header.empty()) std::memcpy(body, header.data(), header.size());
  PutPrefix(begin_ + size_, header.size() + payload);
  size_ += kPrefix + header.size() + payload;
}

bool MessageBatch::Add(std::span<const uint8_t> message) {
  if (kPrefix + message.size() > space()) return false;
  PutPrefix(begin_ + size_, message.size());
  if (!message.empty()) std::memcpy(begin_ + size_ + kPrefix, message.data(), message.size());
  size_ += kPrefix + message.size();
  return true;
}

size_t MessageBatch::AddPart(std::span<const uint8_t> framed) {
  const size_t bytes = std::min(framed.size(), space());
  if (bytes > 0) std::memcpy(begin_ + size_, framed.data(), bytes);
  size_ += bytes;
  return bytes;
}

}  // namespace hawser::net
