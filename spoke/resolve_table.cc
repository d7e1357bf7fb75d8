#include "spoke/resolve_table.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/tunnel/host_name.h"
#include "spoke/target_address.h"

namespace hawser::spoke {

absl::Status ResolveTable::Add(const std::string& name, const std::string& address) {
  const auto canonical = tunnel::CanonicalHost(name);
  if (!canonical) return absl::InvalidArgumentError("resolve \"" + name + "\": not a name");
  const auto host = tunnel::CanonicalHost(address);
  const auto target = host ? base::HostPort{*host, 0} : ParseTargetAddress(address);
  if (!target.ok()) return base::Annotate(target.status(), "resolve \"" + name + "\"");
  if (IsMistypedAddress(target->host))
    return absl::InvalidArgumentError("resolve \"" + name + "\": \"" + target->host +
                                      "\" is neither an address nor a name");
  entries_[*canonical] = {WithFinalDot(target->host, address), target->port};
  return absl::OkStatus();
}

absl::Status ResolveTable::AddList(const std::string& text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string entry = text.substr(begin, end - begin);
    const size_t equals = entry.find('=');
    if (equals == std::string::npos)
      return absl::InvalidArgumentError("resolve \"" + entry + "\": not name=address");
    HAWSER_RETURN_IF_ERROR(Add(entry.substr(0, equals), entry.substr(equals + 1)));
    begin = end + 1;
  }
  return absl::OkStatus();
}

void ResolveTable::AddAll(const ResolveTable& other) {
  for (const auto& [name, address] : other.entries_) entries_[name] = address;
}

base::HostPort ResolveTable::Find(const base::HostPort& target) const {
  const auto at = entries_.find(target.host);
  if (at == entries_.end()) return target;
  return {at->second.host, at->second.port != 0 ? at->second.port : target.port};
}

}  // namespace hawser::spoke
