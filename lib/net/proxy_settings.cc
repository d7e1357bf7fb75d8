#include "lib/net/proxy_settings.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "lib/base/status.h"

namespace hawser::net {
namespace {

absl::Status NoUrl() {
  return absl::InvalidArgumentError(
      "not a proxy's url: want http://host:port or https://host:port, "
      "perhaps with user:password@ before the host");
}

// Percent-decoded (RFC 3986, 2.1).
std::optional<std::string> Decode(const std::string& text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2]))
      return std::nullopt;
    decoded += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  return decoded;
}

// RFC 7617. A user name cannot hold a colon.
std::optional<std::string> BasicCredentials(const std::string& user_info) {
  const size_t colon = std::min(user_info.find(':'), user_info.size());
  const auto user = Decode(user_info.substr(0, colon));
  const auto password =
      Decode(colon < user_info.size() ? user_info.substr(colon + 1) : std::string());
  if (!user || !password || user->find(':') != std::string::npos) return std::nullopt;
  return "Basic " + absl::Base64Escape(*user + ":" + *password);
}

std::optional<asio::ip::address> ParseIp(const std::string& host) {
  asio::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (error) return std::nullopt;
  return Canonical(ip);
}

std::string WithoutBrackets(const std::string& host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// Of names, the empty label at the end ("example.org.") means nothing.
std::string CanonicalName(std::string name) {
  absl::AsciiStrToLower(&name);
  if (name.ends_with('.')) name.pop_back();
  return name;
}

bool IsThisMachine(const std::string& name, const std::optional<asio::ip::address>& ip) {
  return name == "localhost" || (ip.has_value() && ip->is_loopback());
}

std::string Variable(const char* upper, const char* lower) {
  for (const char* name : {upper, lower})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return {};
}

}  // namespace

absl::StatusOr<ProxyServer> ParseProxyUrl(const std::string& url) {
  const size_t scheme_end = url.find("://");
  const std::string scheme =
      scheme_end == std::string::npos ? "http" : absl::AsciiStrToLower(url.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return NoUrl();
  std::string authority = scheme_end == std::string::npos ? url : url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));

  ProxyServer proxy{.tls = scheme == "https"};
  if (const size_t at = authority.rfind('@'); at != std::string::npos) {
    const auto credentials = BasicCredentials(authority.substr(0, at));
    if (!credentials) return NoUrl();
    proxy.authorization = *credentials;
    authority = authority.substr(at + 1);
  }
  // An IPv6 address has brackets here, so any other colon is the port's.
  const bool has_port = authority.rfind(':') != std::string::npos && !authority.ends_with(']');
  if (!has_port) authority += proxy.tls ? ":443" : ":80";
  auto address = base::ParseHostPort(authority);
  if (!address.ok() || address->port == 0) return NoUrl();
  proxy.address = *std::move(address);
  return proxy;
}

NoProxyList::NoProxyList(const std::string& list) {
  for (std::string text : std::vector<std::string>(absl::StrSplit(list, ','))) {
    absl::StripAsciiWhitespace(&text);
    if (text == "*") everything_ = true;
    if (auto entry = ParseEntry(std::move(text))) entries_.push_back(*std::move(entry));
  }
}

std::optional<NoProxyList::Entry> NoProxyList::ParseEntry(std::string text) {
  Entry entry;
  if (text.find('/') == std::string::npos && !ParseIp(text)) {
    const size_t colon = text.rfind(':');
    uint32_t port = 0;
    if (colon != std::string::npos && !text.ends_with(']')) {
      if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > UINT16_MAX)
        return std::nullopt;
      entry.port = static_cast<uint16_t>(port);
      text.resize(colon);
    }
    text = WithoutBrackets(text);
  }
  if (text.empty()) return std::nullopt;
  if (const auto range = Cidr::Parse(text); range.ok()) {
    entry.range = *range;
    return entry;
  }
  if (text.find('/') != std::string::npos) return std::nullopt;
  if (text.starts_with("*.")) text.erase(0, 1);
  entry.exact = !text.starts_with('.');
  entry.suffix = CanonicalName(entry.exact ? "." + text : text);
  if (entry.suffix.size() < 2) return std::nullopt;
  return entry;
}

bool NoProxyList::Contains(const base::HostPort& target) const {
  const std::string name = CanonicalName(target.host);
  const auto ip = ParseIp(target.host);
  if (everything_ || IsThisMachine(name, ip)) return true;
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port != 0 && entry.port != target.port) return false;
    if (entry.range || ip) return entry.range && ip && entry.range->Contains(*ip);
    return name.ends_with(entry.suffix) || (entry.exact && name == entry.suffix.substr(1));
  });
}

ProxySettings::Environment ProxySettings::FromEnvironment() {
  return {Variable("HTTPS_PROXY", "https_proxy"), Variable("NO_PROXY", "no_proxy")};
}

absl::StatusOr<ProxySettings> ProxySettings::Make(const std::string& url,
                                                  const Environment& environment) {
  ProxySettings settings;
  const std::string& chosen = url.empty() ? environment.https_proxy : url;
  if (chosen.empty()) return settings;
  HAWSER_ASSIGN_OR_RETURN(settings.proxy_, ParseProxyUrl(chosen));
  settings.no_proxy_ = NoProxyList(environment.no_proxy);
  return settings;
}

const ProxyServer* ProxySettings::For(const base::HostPort& target) const {
  return proxy_ && !no_proxy_.Contains(target) ? &*proxy_ : nullptr;
}

}  // namespace hawser::net
