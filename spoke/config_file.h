// The agent's configuration file: what flags cannot say.
//
//   allow:                          # absent: everything but link-local and metadata addresses;
//                                   # else these, loopback, own and node addresses need a cidr
//     - hosts: ["*.default.svc"]    # what is given must match: hosts, cidrs and ports
//       cidrs: [10.96.0.0/12]
//       ports: [80, 8000-8100]
//   resolve:
//     web.default.svc: 10.96.0.10   # or with a port: 10.96.0.10:8080
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "spoke/allow_list.h"

namespace hawser::spoke {

struct ConfigFile {
  AllowList allow_list;
  std::map<std::string, std::string> resolve;  // for ResolveTable::Add()
};

// InvalidArgument with the line for what is malformed or unknown, NotFound and the like when the
// file cannot be read.
absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path);
// The same from text; `name` is used in errors.
absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name);

}  // namespace hawser::spoke
