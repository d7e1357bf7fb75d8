// Which HTTP proxy leads to a server, if any, as Go's programs decide it: HTTPS_PROXY and NO_PROXY,
// or their names in lower case.
//
//   const auto settings = ProxySettings::Make("", ProxySettings::FromEnvironment());
//   if (const ProxyServer* proxy = settings->For({"hub.example", 8091})) ...
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/net/cidr.h"

namespace hawser::net {

struct ProxyServer {
  bool tls = false;  // the proxy itself is reached over TLS
  base::HostPort address;
  std::string authorization;  // value of Proxy-Authorization, a secret; empty: none
};

// "http://10.0.0.1:3128", "https://user:secret@proxy.example"; without a scheme it is http.
// kInvalidArgument, without the text, which may hold a password.
absl::StatusOr<ProxyServer> ParseProxyUrl(const std::string& url);

// What NO_PROXY lists, comma separated:
//   *                        everything
//   example.org              the name and all below it; ".example.org" and "*.example.org": all
//                            below it
//   10.0.0.1, 10.0.0.0/8     addresses; names are not looked up for them
// Names and addresses may have a port, which then must be the same. This machine ("localhost" and
// loopback addresses) is always in the list. As in Go, what cannot be understood matches nothing.
class NoProxyList {
 public:
  NoProxyList() = default;
  explicit NoProxyList(const std::string& list);

  bool Contains(const base::HostPort& target) const;

 private:
  struct Entry {
    std::optional<Cidr> range;
    std::string suffix;  // ".example.org", when there is no range
    bool exact = false;  // the name without its first dot, too
    uint16_t port = 0;   // 0: any
  };
  static std::optional<Entry> ParseEntry(std::string text);

  bool everything_ = false;
  std::vector<Entry> entries_;
};

class ProxySettings {
 public:
  struct Environment {
    std::string https_proxy;
    std::string no_proxy;
  };
  static Environment FromEnvironment();

  // No proxy for anything.
  ProxySettings() = default;
  // `url` goes before the environment's; NO_PROXY holds for both. Errors do not say which of them
  // is wrong.
  static absl::StatusOr<ProxySettings> Make(const std::string& url, const Environment& environment);

  // Null: connect directly.
  const ProxyServer* For(const base::HostPort& target) const;
  // Whether any server is reached through a proxy with TLS.
  bool tls() const { return proxy_.has_value() && proxy_->tls; }

 private:
  std::optional<ProxyServer> proxy_;
  NoProxyList no_proxy_;
};

}  // namespace hawser::net
