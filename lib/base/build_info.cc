#include "lib/base/build_info.h"

#include "lib/base/build_stamp.h"

namespace hawser::base {

const BuildInfo& GetBuildInfo() {
  static const BuildInfo info{
      .version = HAWSER_VERSION, .commit = HAWSER_COMMIT, .compiler = __VERSION__};
  return info;
}

std::string VersionLine(const std::string& program) {
  const BuildInfo& info = GetBuildInfo();
  return program + " " + info.version + " (commit " + info.commit + ", compiler " + info.compiler +
         ")";
}

}  // namespace hawser::base
