#include "lib/net/dns/resolv_conf.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/net/dns/host.h"

namespace hawser::net::dns {
namespace {

constexpr uint16_t kPort = 53;
// Limits of glibc, but for the one of domains, which is Kubernetes'.
constexpr size_t kMaxServers = 3, kMaxDomains = 32;
constexpr int kMaxDots = 15, kMaxTimeout = 30, kMaxAttempts = 5;

using Words = std::vector<std::string>;

// 5 for "ndots:5", at most `max`.
std::optional<int> Number(const std::string& option, const std::string& name, int min, int max) {
  int value = 0;
  if (!option.starts_with(name) || !absl::SimpleAtoi(option.substr(name.size()), &value))
    return std::nullopt;
  return std::clamp(value, min, max);
}

void ReadOption(const std::string& option, ResolvConf& conf) {
  if (const auto dots = Number(option, "ndots:", 0, kMaxDots)) {
    conf.ndots = *dots;
  } else if (const auto seconds = Number(option, "timeout:", 1, kMaxTimeout)) {
    conf.timeout = std::chrono::seconds(*seconds);
  } else if (const auto attempts = Number(option, "attempts:", 1, kMaxAttempts)) {
    conf.attempts = *attempts;
  } else if (option == "rotate") {
    conf.rotate = true;
  } else if (option == "no-aaaa") {
    conf.ipv6 = false;
  } else if (option == "use-vc") {
    conf.tcp = true;
  }
}

void ReadServer(const std::string& text, ResolvConf& conf) {
  asio::error_code error;
  const auto address = asio::ip::make_address(text, error);
  if (!error && conf.servers.size() < kMaxServers) conf.servers.emplace_back(address, kPort);
}

void SetSearch(Words domains, ResolvConf& conf) {
  conf.search.clear();
  for (std::string& domain : domains) {
    if (domain.ends_with('.')) domain.pop_back();
    // "." is the root, where the name itself is tried anyway.
    if (IsHostName(domain) && conf.search.size() < kMaxDomains)
      conf.search.push_back(std::move(domain));
  }
}

void ReadLine(const std::string& line, ResolvConf& conf) {
  if (line.starts_with('#') || line.starts_with(';')) return;
  Words words = absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  if (words.size() < 2) return;
  const std::string keyword = words.front();
  words.erase(words.begin());
  if (keyword == "nameserver") {
    ReadServer(words.front(), conf);
  } else if (keyword == "domain") {
    SetSearch({words.front()}, conf);
  } else if (keyword == "search") {
    SetSearch(std::move(words), conf);
  } else if (keyword == "options") {
    for (const std::string& option : words) ReadOption(option, conf);
  }
}

}  // namespace

ResolvConf ParseResolvConf(const std::string& text, const std::string& domain) {
  ResolvConf conf;
  SetSearch({domain}, conf);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) ReadLine(std::string(line), conf);
  if (conf.servers.empty()) conf.servers.emplace_back(asio::ip::address_v4::loopback(), kPort);
  return conf;
}

std::vector<std::string> Candidates(const ResolvConf& conf, const std::string& host) {
  std::vector<std::string> names;
  for (const std::string& domain : conf.search)
    if (std::string name = host + "." + domain; name.size() <= kMaxHostName)
      names.push_back(std::move(name));
  const bool itself_first = std::count(host.begin(), host.end(), '.') >= conf.ndots;
  names.insert(itself_first ? names.begin() : names.end(), host);
  return names;
}

}  // namespace hawser::net::dns
