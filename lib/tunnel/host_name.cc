#include "lib/tunnel/host_name.h"

#include <arpa/inet.h>

#include <algorithm>
#include <asio/ip/address.hpp>
#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>
#include <cstring>

namespace hawser::tunnel {
namespace {

constexpr size_t kMaxName = 253;

// Not <cctype>: its answers depend on the locale.
char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool IsLabel(const char* begin, const char* end) {
  return begin != end && *begin != '-' && end[-1] != '-' &&
         std::all_of(begin, end, IsNameCharacter);
}

bool IsName(const std::string& name) {
  if (name.empty() || name.size() > kMaxName) return false;
  const char* const end = name.data() + name.size();
  for (const char* label = name.data();;) {
    const char* const dot = std::find(label, end, '.');
    if (!IsLabel(label, dot)) return false;
    if (dot == end) return true;
    label = dot + 1;
  }
}

}  // namespace

std::optional<std::string> CanonicalAddress(const std::string& text) {
  if (text.find('\0') != std::string::npos) return std::nullopt;  // c_str() would hide the rest
  char buffer[INET6_ADDRSTRLEN];
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1)
    return inet_ntop(AF_INET, &v4, buffer, sizeof(buffer));
  in6_addr v6;
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return std::nullopt;
  if (!IN6_IS_ADDR_V4MAPPED(&v6)) return inet_ntop(AF_INET6, &v6, buffer, sizeof(buffer));
  std::memcpy(&v4, v6.s6_addr + 12, sizeof(v4));
  return inet_ntop(AF_INET, &v4, buffer, sizeof(buffer));
}

bool LooksLikeAddress(const std::string& host) {
  return host.find('.') != std::string::npos &&
         host.find_first_not_of("0123456789.") == std::string::npos;
}

std::optional<std::string> RangeOf(const std::string& address, int bits) {
  asio::error_code error;
  const auto first = asio::ip::make_address(address, error);
  if (error || bits < 0 || bits > (first.is_v4() ? 32 : 128)) return std::nullopt;
  const auto length = static_cast<unsigned short>(bits);
  if (first.is_v4()) return make_network_v4(first.to_v4(), length).canonical().to_string();
  return make_network_v6(first.to_v6(), length).canonical().to_string();
}

std::optional<std::string> CanonicalHost(const std::string& host) {
  if (auto address = CanonicalAddress(host)) return address;
  std::string name = host;
  if (!name.empty() && name.back() == '.') name.pop_back();
  std::transform(name.begin(), name.end(), name.begin(), LowerCase);
  if (!IsName(name)) return std::nullopt;
  return name;
}

}  // namespace hawser::tunnel
