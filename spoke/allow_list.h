// Where this agent may connect to on behalf of others. Checked against the very address that is
// connected to, after names are resolved.
//
// Without rules everything is allowed but link-local and metadata addresses, which give away the
// node's own credentials. With rules only what one of them allows. What is behind a name is checked
// as an address: link-local, metadata, loopback and unspecified addresses need a range in the very
// rule that lies wholly among them, so that neither "0.0.0.0/0" nor a name that resolves to them
// opens them by accident; the agent's own and its node's addresses need a range that holds them.
// The same goes for IPv4 addresses that are reached through NAT64. A host that is written as such
// an address, and dialled as it is written, is named well enough; not a metadata service.
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/net/cidr.h"
#include "spoke/own_addresses.h"

namespace hawser::spoke {

class AllowList {
 public:
  // As written by people. What is given must all match, each by one of its values.
  struct Rule {
    std::vector<std::string> hosts;  // names and addresses as dialled, or "*.default.svc"
    std::vector<std::string> cidrs;
    std::vector<std::string> ports;  // "443" or "8000-8100"
  };

  // Without rules.
  AllowList() = default;
  // With exactly these rules; none: nothing is allowed. InvalidArgument names what is malformed.
  static absl::StatusOr<AllowList> Make(const std::vector<Rule>& rules);

  // What counts as the agent's own, beside the addresses of its interfaces.
  void SetOwnAddresses(OwnAddresses own) { own_ = std::move(own); }

  // `host`: the canonical name or address that was asked for; `address`, `port`: what it led to.
  bool Allows(const std::string& host, const asio::ip::address& address, uint16_t port) const;

 private:
  struct HostPattern {
    std::string name;      // canonical
    bool subdomains_only;  // "*.name"
    bool Matches(const std::string& host) const;
  };
  using PortRange = std::pair<uint16_t, uint16_t>;  // both ends included
  struct Matcher {
    std::vector<HostPattern> hosts;
    std::vector<net::Cidr> cidrs;
    std::vector<net::Cidr> reserved;  // those of `cidrs` that are wholly reserved_addresses.h
    std::vector<PortRange> ports;
    // What was dialled, before it is looked at where it leads.
    bool Matches(const std::string& host, uint16_t port) const;
    // The rule names this very address.
    bool Names(const std::string& host, const asio::ip::address& address) const;
  };

  static absl::StatusOr<HostPattern> ParseHost(const std::string& text);
  static absl::StatusOr<PortRange> ParsePorts(const std::string& text);

  std::optional<std::vector<Matcher>> matchers_;
  OwnAddresses own_;
};

}  // namespace hawser::spoke
