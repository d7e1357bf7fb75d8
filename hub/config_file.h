// The hub's configuration file: what flags cannot say, and limits. docs/configuration.md describes
// it.
//
//   limits:                          # limits.h
//     max-pending-dials: 2000        # the flag of that name; the command line goes first
//   host-suffixes: [agents-ns]       # paris.agents-ns is a name of the cluster paris
//   grants:
//     paris: ipv4=10.0.0.7&default-route=true
//   deny:                            # certificates that are refused; open connections end, too
//     - cluster: paris               # agents of that cluster
//     - client: ann                  # that client
//     - serial: 4a1f                 # of whatever authority, hexadecimal
//     - fingerprint: 9f86...         # SHA-256 of the certificate: `hawser pki fingerprint FILE`
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hub/deny_list.h"
#include "lib/tunnel/host.h"
#include "lib/tunnel/identifiers.h"

namespace hawser::hub {

// A limit as a file gives it.
struct FileLimit {
  std::string text;
  std::string place;  // "read hub.yaml: line 3"
};
using FileLimits = std::map<std::string, FileLimit>;  // by name of flag

struct ConfigFile {
  FileLimits limits;  // not checked here
  std::vector<tunnel::Domain> host_suffixes;
  std::map<std::string, tunnel::Identifiers> grants;  // by cluster
  DenyList denied;
};

// NotFound when the file cannot be read, InvalidArgument with the line for what is malformed or
// unknown.
absl::StatusOr<ConfigFile> LoadConfigFile(const std::string& path);
// The same from text; `name` is used in errors.
absl::StatusOr<ConfigFile> ParseConfig(const std::string& text, const std::string& name);

// All keys but those of the limits.
std::vector<std::string> ConfigKeys();

}  // namespace hawser::hub
