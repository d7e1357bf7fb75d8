// What a host is to those who look it up.
#pragma once

#include <cstddef>
#include <string>

namespace hawser::net::dns {

// Characters of a name as text, without a final dot (RFC 1035, 2.3.4).
inline constexpr size_t kMaxHostName = 253;

// One to 127 labels of letters, digits, '-' and '_', each of at most 63 characters.
bool IsHostName(const std::string& text);

}  // namespace hawser::net::dns
