#include "lib/net/dns/message.h"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace hawser::net::dns {
namespace {

constexpr size_t kHeader = 12;  // bytes
constexpr int kClassInternet = 1;
constexpr int kNoError = 0, kNoSuchName = 3;  // response codes

uint16_t Number(const std::string& message, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(message[at]) << 8 |
                               static_cast<uint8_t>(message[at + 1]));
}

void Append(int number, std::string& message) {
  message += static_cast<char>(number >> 8);
  message += static_cast<char>(number & 0xff);
}

// A reply repeats the question; the case of letters may differ.
bool Answers(const std::string& query, const std::string& bytes) {
  if (bytes.size() < query.size() || IdOf(bytes) != IdOf(query)) return false;
  const bool is_reply = (bytes[2] & 0x80) != 0;
  const size_t size = query.size() - kHeader;
  return is_reply && Number(bytes, 4) == 1 &&
         absl::EqualsIgnoreCase(absl::string_view(query).substr(kHeader),
                                absl::string_view(bytes).substr(kHeader, size));
}

// A server that neither knows nor asks others, but names some that might know.
bool IsReferral(const std::string& bytes) {
  const bool authoritative = (bytes[2] & 0x04) != 0, recursive = (bytes[3] & 0x80) != 0;
  return !authoritative && !recursive && Number(bytes, 6) == 0 && Number(bytes, 10) == 0;
}

asio::ip::address Address(const ares_addrttl& record) {
  return asio::ip::address_v4(ntohl(record.ipaddr.s_addr));
}

asio::ip::address Address(const ares_addr6ttl& record) {
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &record.ip6addr, bytes.size());
  return asio::ip::address_v6(bytes);
}

// False when the records make no sense.
template <typename Record, typename Parse>
bool ReadRecords(Parse parse, const std::string& bytes, Reply& reply) {
  std::array<Record, kMaxAddresses> records;
  int count = static_cast<int>(records.size());
  const int status = parse(reinterpret_cast<const unsigned char*>(bytes.data()),
                           static_cast<int>(bytes.size()), nullptr, records.data(), &count);
  if (status == ARES_ENODATA) return true;
  if (status != ARES_SUCCESS) return false;
  for (int i = 0; i < count; ++i) {
    const std::chrono::seconds ttl(std::max(records[i].ttl, 0));
    reply.ttl = i == 0 ? ttl : std::min(reply.ttl, ttl);
    reply.addresses.push_back(Address(records[i]));
  }
  return true;
}

}  // namespace

std::string MakeQuery(const std::string& name, RecordType type, uint16_t id) {
  std::string query;
  // Recursion is desired; one question.
  for (const int number : {static_cast<int>(id), 0x0100, 1, 0, 0, 0}) Append(number, query);
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    query += static_cast<char>(label.size());
    query.append(label.data(), label.size());
  }
  query += '\0';
  Append(static_cast<int>(type), query);
  Append(kClassInternet, query);
  return query;
}

uint16_t IdOf(const std::string& message) { return Number(message, 0); }

std::optional<Reply> ParseReply(const std::string& query, const std::string& bytes,
                                RecordType type) {
  if (!Answers(query, bytes)) return std::nullopt;
  Reply reply;
  reply.truncated = (bytes[2] & 0x02) != 0;
  const int code = bytes[3] & 0x0f;
  if (code == kNoSuchName) {
    reply.status = absl::NotFoundError("no such host");
  } else if (code != kNoError || IsReferral(bytes)) {
    reply.status = absl::UnavailableError("server misbehaving");
  } else if (const bool sense =
                 type == RecordType::kA
                     ? ReadRecords<ares_addrttl>(&ares_parse_a_reply, bytes, reply)
                     : ReadRecords<ares_addr6ttl>(&ares_parse_aaaa_reply, bytes, reply);
             !sense && !reply.truncated) {
    reply.status = absl::UnavailableError("malformed answer of a name server");
  }
  return reply;
}

}  // namespace hawser::net::dns
