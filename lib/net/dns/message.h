// One question to a name server and what it answers, as bytes (RFC 1035). c-ares reads
// the records.
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace hawser::net::dns {

enum class RecordType { kA = 1, kAaaa = 28 };

struct Reply {
  // OK: there are addresses, or the name has none of that type. kNotFound: there is no such name.
  // kUnavailable: a passing fault ("server misbehaving"), about which another server may know more.
  absl::Status status;
  std::vector<asio::ip::address> addresses;  // at most kMaxAddresses
  std::chrono::seconds ttl{0};               // how long all of them hold
  bool truncated = false;                    // there is more than fits a datagram
};

// Of one name and type: what a greedy name server can make us keep.
inline constexpr size_t kMaxAddresses = 256;
// Bytes of a reply over UDP.
inline constexpr size_t kMaxDatagram = 512;

// `name`: IsHostName(), without a final dot.
std::string MakeQuery(const std::string& name, RecordType type, uint16_t id);

// The id with which a query or a reply begins; it has at least two bytes.
uint16_t IdOf(const std::string& message);

// What `bytes`, from a stranger, answer to `query`; nothing when they answer something else.
std::optional<Reply> ParseReply(const std::string& query, const std::string& bytes,
                                RecordType type);

}  // namespace hawser::net::dns
