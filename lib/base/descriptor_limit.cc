#include "lib/base/descriptor_limit.h"

#include <glog/logging.h>
#include <sys/resource.h>

#include "absl/strings/str_cat.h"

namespace hawser::base {

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
    LOG(INFO) << "limit of file descriptors raised from " << before << " to " << limit.rlim_cur;
}

uint64_t DescriptorLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

absl::Status NeedDescriptors(uint64_t count) {
  const uint64_t limit = DescriptorLimit();
  if (limit >= count) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "file descriptors are limited to ", limit, " (ulimit -n), at least ", count, " are needed"));
}

}  // namespace hawser::base
