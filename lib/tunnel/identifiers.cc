#include "lib/tunnel/identifiers.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/tunnel/host_name.h"

namespace hawser::tunnel {
namespace {

constexpr size_t kMaxUid = 128;

absl::Status Malformed(const std::string& key, const std::string& why) {
  return absl::InvalidArgumentError("agent identifier " + key + ": " + why);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Nothing when an escape is malformed.
std::optional<std::string> Unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

absl::StatusOr<std::string> ParseHost(const std::string& value) {
  const bool wildcard = value.compare(0, 2, "*.") == 0;
  const auto host = CanonicalHost(wildcard ? value.substr(2) : value);
  if (!host) return Malformed("host", "not a host name or address");
  return wildcard ? "*." + *host : *host;
}

// Manifests say ipv4=$(HOST_IP) on nodes of either family.
absl::Status AddAddress(const std::string& key, const std::string& value, Identifiers& to) {
  const auto address = CanonicalAddress(value);
  if (!address) return Malformed(key, "not an address");
  const bool v6 = address->find(':') != std::string::npos;
  (v6 ? to.ipv6 : to.ipv4).push_back(*address);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ParseCidr(const std::string& value) {
  const size_t slash = value.find('/');
  const auto address = CanonicalAddress(value.substr(0, slash));
  if (slash == std::string::npos || !address) return Malformed("cidr", "not address/bits");
  int bits = -1;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data() + slash + 1, end, bits);
  const auto range = RangeOf(*address, bits);
  if (parsed.ec != std::errc() || parsed.ptr != end || !range)
    return Malformed("cidr", "not address/bits");
  return *range;
}

// As Go's strconv.ParseBool reads it.
absl::StatusOr<bool> ParseBool(const std::string& key, const std::string& value) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (value == yes) return true;
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"})
    if (value == no) return false;
  return Malformed(key, "neither true nor false");
}

absl::StatusOr<std::string> ParseUid(const std::string& value) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!printable || value.size() > kMaxUid) return Malformed("uid", "not a printable word");
  return value;
}

absl::Status AppendTo(std::vector<std::string>& list, absl::StatusOr<std::string> value) {
  if (value.ok()) list.push_back(*std::move(value));
  return value.status();
}

bool IsKnown(const std::string& key) {
  for (const char* known : {"host", "ipv4", "ipv6", "cidr", "uid", "default-route"})
    if (key == known) return true;
  return false;
}

absl::Status Apply(const std::string& key, const std::string& value, Identifiers& identifiers) {
  if (value.empty()) return absl::OkStatus();
  if (key == "host") return AppendTo(identifiers.hosts, ParseHost(value));
  if (key == "ipv4" || key == "ipv6") return AddAddress(key, value, identifiers);
  if (key == "cidr") return AppendTo(identifiers.cidrs, ParseCidr(value));
  if (key == "uid") return AppendTo(identifiers.uids, ParseUid(value));
  if (key == "default-route") {
    HAWSER_ASSIGN_OR_RETURN(identifiers.default_route, ParseBool(key, value));
  }
  return absl::OkStatus();
}

void SortUnique(std::vector<std::string>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

absl::StatusOr<Identifiers> ParseIdentifiers(const std::string& text, UnknownKeys unknown) {
  if (text.size() > kMaxIdentifiersText)
    return absl::InvalidArgumentError(
        absl::StrCat("agent identifiers: longer than ", kMaxIdentifiersText, " bytes"));
  Identifiers identifiers;
  size_t count = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const size_t equals = std::min(text.find('=', begin), end);
    if (end > begin && ++count > kMaxIdentifiers)
      return absl::InvalidArgumentError(
          absl::StrCat("agent identifiers: more than ", kMaxIdentifiers));
    const auto key = Unescape(text.substr(begin, equals - begin));
    const auto value = Unescape(equals < end ? text.substr(equals + 1, end - equals - 1) : "");
    if (!key || !value)
      return absl::InvalidArgumentError("agent identifiers: malformed percent escape");
    if (unknown == UnknownKeys::kRefuse && end > begin && !IsKnown(*key))
      return absl::InvalidArgumentError("agent identifiers: unknown kind " + base::Quote(*key));
    HAWSER_RETURN_IF_ERROR(Apply(*key, *value, identifiers));
    begin = end + 1;
  }
  for (auto* list : {&identifiers.hosts, &identifiers.ipv4, &identifiers.ipv6, &identifiers.cidrs,
                     &identifiers.uids})
    SortUnique(*list);
  return identifiers;
}

}  // namespace hawser::tunnel
