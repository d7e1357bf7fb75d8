// The agent's configuration file: what flags cannot say. docs/configuration.md describes it.
//
//   allow:                          # absent: everything but link-local and metadata addresses;
//                                   # else these, loopback, own and node addresses need a cidr
//     - hosts: ["*.default.svc"]    # what is given must match: hosts, cidrs and ports
//       cidrs: [10.96.0.0/12]
//       ports: [80, 8000-8100]
//   resolve:
//     web.default.svc: 10.96.0.10   # or with a port: 10.96.0.10:8080
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "spoke/allow_list.h"
#include "spoke/resolve_table.h"

namespace hawser::spoke {

struct ConfigFile {
  AllowList allow_list;
  ResolveTable resolve;
};

// InvalidArgument with the line for what is malformed or unknown, NotFound and the like when the
// file cannot be read.
absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path);
// The same from text; `name` is used in errors.
absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name);

// All keys, those inside others as "allow.hosts".
std::vector<std::string> ConfigKeys();

}  // namespace hawser::spoke
