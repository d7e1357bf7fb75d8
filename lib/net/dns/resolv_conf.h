// How names are looked up on this machine: resolv.conf(5).
#pragma once

#include <asio/ip/udp.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "lib/base/scheduler.h"

namespace hawser::net::dns {

struct ResolvConf {
  // At least one and at most three, as for others who read that file.
  std::vector<asio::ip::udp::endpoint> servers;
  // In the order in which they are tried: "default.svc.cluster.local", without dots around them.
  std::vector<std::string> search;
  int ndots = 1;  // a name with that many dots is tried as it is before it is searched for
  // How long one server may take before the next one is asked. Others wait for 5 s where the file
  // does not say, which is all the time that a dial has.
  base::Duration timeout = std::chrono::seconds(1);
  int attempts = 2;     // rounds through all servers
  bool rotate = false;  // servers take turns at being the first
  bool ipv6 = true;     // AAAA records are asked for
  bool tcp = false;     // never UDP
};

// What there is where no file says otherwise: a server on this machine. `domain`: this machine's,
// which is searched unless the file names others; may be empty.
//
// Lines and options that are not understood are passed over, as by everybody else who reads the
// file: "nameserver", "search", "domain", "options" with ndots, timeout, attempts, rotate, no-aaaa
// and use-vc.
ResolvConf ParseResolvConf(const std::string& text, const std::string& domain);

// The names that `host` (without a final dot) may stand for, in the order in which to ask for them.
std::vector<std::string> Candidates(const ResolvConf& conf, const std::string& host);

}  // namespace hawser::net::dns
