#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/net/dns/message.h"

// The input is what follows the question in an answer, and then the whole answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace dns = hawser::net::dns;
  const std::string input(reinterpret_cast<const char*>(data), size);
  for (const auto type : {dns::RecordType::kA, dns::RecordType::kAaaa}) {
    const std::string query = dns::MakeQuery("web.test", type, 7);
    std::string answer = query + input;
    answer[2] = '\x81', answer[3] = '\x80', answer[7] = 2;  // two records
    for (const std::string& bytes : {answer, input}) {
      const auto reply = dns::ParseReply(query, bytes, type);
      if (!reply) continue;
      CHECK_LE(reply->addresses.size(), dns::kMaxAddresses);
      CHECK_GE(reply->ttl.count(), 0);
      for (const auto& address : reply->addresses)
        CHECK_EQ(address.is_v4(), type == dns::RecordType::kA);
    }
  }
  return 0;
}
