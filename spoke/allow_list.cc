#include "spoke/allow_list.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/tunnel/host_name.h"
#include "spoke/reserved_addresses.h"
#include "spoke/target_address.h"

namespace hawser::spoke {
namespace {

using asio::ip::address;
using net::Cidr;

bool AnyContains(const std::vector<Cidr>& ranges, const address& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Cidr& range) { return range.Contains(address); });
}

}  // namespace

bool AllowList::HostPattern::Matches(const std::string& host) const {
  if (!subdomains_only) return host == name;
  return host.size() > name.size() + 1 && host.ends_with(name) &&
         host[host.size() - name.size() - 1] == '.';
}

bool AllowList::Matcher::Matches(const std::string& host, uint16_t port) const {
  const auto host_fits = [&](const HostPattern& pattern) { return pattern.Matches(host); };
  const auto port_fits = [&](const PortRange& range) {
    return port >= range.first && port <= range.second;
  };
  return (hosts.empty() || std::any_of(hosts.begin(), hosts.end(), host_fits)) &&
         (ports.empty() || std::any_of(ports.begin(), ports.end(), port_fits));
}

bool AllowList::Matcher::Names(const std::string& host, const address& address) const {
  const bool special = IsGuarded(address) || IsLoopback(address);
  if (AnyContains(special ? reserved : cidrs, address)) return true;
  // Hosts may be addresses, too.
  return cidrs.empty() && !IsGuarded(address) && host == address.to_string() &&
         std::any_of(hosts.begin(), hosts.end(), [&](const HostPattern& pattern) {
           return !pattern.subdomains_only && pattern.name == host;
         });
}

bool AllowList::Allows(const std::string& host, const address& address, uint16_t port) const {
  const asio::ip::address canonical = net::Canonical(address);
  const std::vector<asio::ip::address> translated = Translated(canonical);
  if (!matchers_)
    return !IsGuarded(canonical) && std::none_of(translated.begin(), translated.end(), IsGuarded);
  const auto is_closed = [this](const asio::ip::address& each) {
    return IsGuarded(each) || IsLoopback(each) || own_.Contains(each);
  };
  const auto admits = [&](const Matcher& rule) {
    if (!rule.Matches(host, port)) return false;
    if (!rule.Names(host, canonical) && (!rule.cidrs.empty() || is_closed(canonical))) return false;
    return std::all_of(translated.begin(), translated.end(), [&](const asio::ip::address& each) {
      return rule.Names(host, each) || !is_closed(each);
    });
  };
  return std::any_of(matchers_->begin(), matchers_->end(), admits);
}

absl::StatusOr<AllowList::HostPattern> AllowList::ParseHost(const std::string& text) {
  const bool wildcard = text.starts_with("*.");
  const auto name = tunnel::CanonicalHost(wildcard ? text.substr(2) : text);
  if (!name || IsMistypedAddress(*name) || (wildcard && tunnel::CanonicalAddress(*name)))
    return absl::InvalidArgumentError("host \"" + text +
                                      "\": neither an address, a name nor \"*.name\"");
  return HostPattern{*name, wildcard};
}

absl::StatusOr<AllowList::PortRange> AllowList::ParsePorts(const std::string& text) {
  const size_t dash = text.find('-');
  const std::string last_text = dash == std::string::npos ? text : text.substr(dash + 1);
  uint32_t first = 0;
  uint32_t last = 0;
  if (!absl::SimpleAtoi(text.substr(0, dash), &first) || !absl::SimpleAtoi(last_text, &last) ||
      first == 0 || last < first || last > UINT16_MAX)
    return absl::InvalidArgumentError("ports \"" + text + "\": neither a port nor a range");
  return PortRange(first, last);
}

absl::StatusOr<AllowList> AllowList::Make(const std::vector<Rule>& rules) {
  AllowList list;
  list.matchers_.emplace();
  for (const Rule& rule : rules) {
    Matcher matcher;
    for (const std::string& host : rule.hosts) {
      HAWSER_ASSIGN_OR_RETURN(matcher.hosts.emplace_back(), ParseHost(host));
    }
    for (const std::string& text : rule.cidrs) {
      HAWSER_ASSIGN_OR_RETURN(Cidr cidr, Cidr::Parse(text));
      if (IsReserved(cidr)) matcher.reserved.push_back(cidr);
      matcher.cidrs.push_back(std::move(cidr));
    }
    for (const std::string& ports : rule.ports) {
      HAWSER_ASSIGN_OR_RETURN(matcher.ports.emplace_back(), ParsePorts(ports));
    }
    if (matcher.hosts.empty() && matcher.cidrs.empty() && matcher.ports.empty())
      return absl::InvalidArgumentError("a rule without hosts, cidrs and ports");
    list.matchers_->push_back(std::move(matcher));
  }
  return list;
}

}  // namespace hawser::spoke
