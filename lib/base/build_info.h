// What this binary was built from.
#pragma once

#include <string>

namespace hawser::base {

struct BuildInfo {
  std::string version;   // "0.1.0"
  std::string commit;    // "d56c24489ab1", or "unknown" outside a git checkout
  std::string compiler;  // "12.2.0"
};

const BuildInfo& GetBuildInfo();

// "proxy-server 0.1.0 (commit d56c24489ab1, compiler 12.2.0)"
std::string VersionLine(const std::string& program);

}  // namespace hawser::base
