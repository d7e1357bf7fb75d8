// Names that this agent resolves by itself, ahead of /etc/hosts and DNS: --resolve and `resolve:`
// of the configuration.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "lib/base/host_port.h"

namespace hawser::spoke {

class ResolveTable {
 public:
  // `name` leads to `address`: an IP address or another name, with a port or without. A later
  // entry replaces an earlier one. InvalidArgument names what is malformed.
  absl::Status Add(const std::string& name, const std::string& address);
  // The same for "name=address[,name=address]".
  absl::Status AddList(const std::string& text);

  // Takes all entries of `other`, which replace those of the same name.
  void AddAll(const ResolveTable& other);

  // Where `target` leads: itself when its host, canonical, is not in the table.
  base::HostPort Find(const base::HostPort& target) const;

 private:
  // By canonical name; port 0: that of the dial.
  std::map<std::string, base::HostPort> entries_;
};

}  // namespace hawser::spoke
