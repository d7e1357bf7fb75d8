// What an agent says it can be asked for: the metadata `agentIdentifiers`, in URL-query form as
// Konnectivity's agents send it.
//
//   host=paris&ipv4=10.0.0.7&cidr=10.0.0.0%2F24&default-route=true
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::tunnel {

struct Identifiers {
  // Canonical (see host_name.h), or "*." and a canonical name; sorted, without duplicates.
  std::vector<std::string> hosts;
  std::vector<std::string> ipv4;
  std::vector<std::string> ipv6;
  std::vector<std::string> cidrs;  // "address/bits", as RangeOf() writes it
  std::vector<std::string> uids;
  bool default_route = false;

  bool operator==(const Identifiers&) const = default;
};

inline constexpr size_t kMaxIdentifiersText = 8192;  // bytes
inline constexpr size_t kMaxIdentifiers = 64;

// What becomes of keys that this version does not know: they are skipped where a peer of another
// version says them, and refused where somebody has just written them.
enum class UnknownKeys { kSkip, kRefuse };

// Parses hostile input: percent-decodes, skips empty values. InvalidArgument for a malformed
// escape, value or address, and for more than the limits above.
absl::StatusOr<Identifiers> ParseIdentifiers(const std::string& text,
                                             UnknownKeys unknown = UnknownKeys::kSkip);

}  // namespace hawser::tunnel
