#include "spoke/allow_list.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/tunnel/host_name.h"

namespace hawser::spoke {
namespace {

using asio::ip::address;
using net::Cidr;

// Link-local addresses, where clouds serve the node's credentials, and the metadata service that
// AWS serves outside of them.
const std::vector<Cidr>& GuardedRanges() {
  static const auto* const ranges = new std::vector<Cidr>{
      *Cidr::Parse("169.254.0.0/16"), *Cidr::Parse("fe80::/10"), *Cidr::Parse("fd00:ec2::254")};
  return *ranges;
}

bool IsGuarded(const address& address) {
  return std::any_of(GuardedRanges().begin(), GuardedRanges().end(),
                     [&](const Cidr& range) { return range.Contains(address); });
}

bool IsWithinGuarded(const Cidr& cidr) {
  return std::any_of(GuardedRanges().begin(), GuardedRanges().end(),
                     [&](const Cidr& range) { return cidr.Within(range); });
}

}  // namespace

bool AllowList::HostPattern::Matches(const std::string& host) const {
  if (!subdomains_only) return host == name;
  return host.size() > name.size() + 1 && host.ends_with(name) &&
         host[host.size() - name.size() - 1] == '.';
}

bool AllowList::Matcher::Matches(const std::string& host, const address& address, uint16_t port,
                                 bool guarded) const {
  const auto host_fits = [&](const HostPattern& pattern) { return pattern.Matches(host); };
  const auto port_fits = [&](const PortRange& range) {
    return port >= range.first && port <= range.second;
  };
  const auto cidr_fits = [&](const Cidr& cidr) {
    return cidr.Contains(address) && (!guarded || IsWithinGuarded(cidr));
  };
  return (hosts.empty() || std::any_of(hosts.begin(), hosts.end(), host_fits)) &&
         (ports.empty() || std::any_of(ports.begin(), ports.end(), port_fits)) &&
         ((cidrs.empty() && !guarded) || std::any_of(cidrs.begin(), cidrs.end(), cidr_fits));
}

bool AllowList::Allows(const std::string& host, const address& address, uint16_t port) const {
  const bool guarded = IsGuarded(address);
  if (!matchers_) return !guarded;
  return std::any_of(matchers_->begin(), matchers_->end(), [&](const Matcher& matcher) {
    return matcher.Matches(host, address, port, guarded);
  });
}

absl::StatusOr<AllowList::HostPattern> AllowList::ParseHost(const std::string& text) {
  const bool wildcard = text.starts_with("*.");
  const auto name = tunnel::CanonicalHost(wildcard ? text.substr(2) : text);
  if (!name || (wildcard && tunnel::CanonicalAddress(*name)))
    return absl::InvalidArgumentError("host \"" + text + "\": neither a name nor \"*.name\"");
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
