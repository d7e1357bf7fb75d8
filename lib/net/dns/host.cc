#include "lib/net/dns/host.h"

#include "absl/strings/ascii.h"

namespace hawser::net::dns {
namespace {

constexpr size_t kMaxLabel = 63;

}  // namespace

bool IsHostName(const std::string& text) {
  if (text.empty() || text.size() > kMaxHostName) return false;
  size_t label = 0;  // characters so far
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') {
      return false;
    } else if (++label > kMaxLabel) {
      return false;
    }
  }
  return label > 0;
}

}  // namespace hawser::net::dns
