#include "lib/tunnel/host.h"

#include "lib/tunnel/host_name.h"

namespace hawser::tunnel {

std::optional<Host> Host::Parse(const std::string& text) {
  if (auto address = CanonicalAddress(text)) return Host(*std::move(address), true);
  // A v4-mapped address was one already: what is left is a name.
  if (auto name = CanonicalHost(text)) return Host(*std::move(name), false);
  return std::nullopt;
}

std::optional<Domain> Domain::Parse(const std::string& text) {
  const size_t first = text.find_first_not_of('.');
  if (first == std::string::npos) return Domain();
  const auto host = Host::Parse(text.substr(first));
  if (!host || host->is_address()) return std::nullopt;
  return Domain(host->text());
}

std::optional<std::string_view> Domain::Before(std::string_view name) const {
  if (empty() || name.size() <= text_.size() + 1 || !name.ends_with(text_)) return std::nullopt;
  name.remove_suffix(text_.size());
  if (name.back() != '.') return std::nullopt;
  name.remove_suffix(1);
  return name;
}

std::string_view LastLabel(std::string_view name) { return name.substr(name.rfind('.') + 1); }

}  // namespace hawser::tunnel
