#include "lib/base/host_port.h"

#include <arpa/inet.h>

#include <algorithm>

#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::base {
namespace {

constexpr size_t kMaxHost = 253;  // of a DNS name, without its final dot

absl::Status Error(const std::string& why) { return absl::InvalidArgumentError(why); }

// Neither a space nor a control character nor part of some other syntax.
bool IsHostCharacter(char c) { return c > ' ' && c < '\x7f' && c != '[' && c != ']' && c != '/'; }

absl::StatusOr<uint16_t> ParsePort(const std::string& digits) {
  if (digits.empty()) return Error("missing port");
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.size() > 5 || !std::all_of(digits.begin(), digits.end(), is_digit) ||
      std::stoi(digits) > 65535)
    return Error("port is not a number up to 65535");
  return static_cast<uint16_t>(std::stoi(digits));
}

absl::Status CheckHost(const std::string& host, bool bracketed) {
  if (host.empty()) return Error("missing host");
  if (host.size() > kMaxHost)
    return Error("host is longer than " + std::to_string(kMaxHost) + " characters");
  if (!std::all_of(host.begin(), host.end(), IsHostCharacter))
    return Error("host has a character that is not allowed");
  if (!bracketed) return absl::OkStatus();
  in6_addr address;
  const size_t zone = host.find('%');
  if (inet_pton(AF_INET6, host.substr(0, zone).c_str(), &address) != 1 || host.back() == '%')
    return Error("no IPv6 address in the brackets");
  return absl::OkStatus();
}

absl::StatusOr<HostPort> Parse(const std::string& text) {
  if (text.find("://") != std::string::npos) return Error("a URL");
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Error("missing port");
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (text.back() == ']') {
    return Error("missing port");
  } else if (host.find(':') != std::string::npos) {
    return Error("too many colons; an IPv6 address needs brackets");
  }
  HAWSER_RETURN_IF_ERROR(CheckHost(host, bracketed));
  HAWSER_ASSIGN_OR_RETURN(const uint16_t port, ParsePort(text.substr(colon + 1)));
  return HostPort{std::move(host), port};
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  absl::StatusOr<HostPort> address = Parse(text);
  if (address.ok()) return address;
  return Annotate(address.status(), "address " + Quote(text) + " (want host:port)");
}

std::string FormatHostPort(const HostPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  const std::string port = ":" + std::to_string(address.port);
  return ipv6 ? "[" + address.host + "]" + port : address.host + port;
}

}  // namespace hawser::base
