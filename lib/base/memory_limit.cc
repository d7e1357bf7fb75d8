#include "lib/base/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_split.h"
#include "lib/base/flag_values.h"

namespace hawser::base {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kNone = UINT64_MAX;
constexpr uint64_t kMostBuffered = uint64_t{1} << 30;
constexpr uint64_t kLeastBuffered = uint64_t{16} << 20;

// The limit of one group. Version 2 says "max" where there is none, version 1 a number near the
// highest, which limits nothing either.
uint64_t LimitIn(const fs::path& file) {
  uint64_t bytes;
  std::ifstream stream(file);
  return stream >> bytes ? bytes : kNone;
}

// The lowest limit of the group and those above. A container may see its group as the root,
// whatever the group's path is outside: a path that does not exist limits nothing.
uint64_t LowestLimit(const fs::path& mount, fs::path group, const char* file) {
  uint64_t lowest = LimitIn(mount / file);
  for (group = group.relative_path(); !group.empty(); group = group.parent_path())
    lowest = std::min(lowest, LimitIn(mount / group / file));
  return lowest;
}

uint64_t MachineMemory() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
}

}  // namespace

uint64_t MemoryLimit(const std::string& root) {
  uint64_t lowest = MachineMemory();
  std::ifstream groups(root + "/proc/self/cgroup");
  // hierarchy:controllers:path; version 2 has hierarchy 0 and names no controller.
  for (std::string line; std::getline(groups, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    if (fields[0] == "0") {
      for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
        lowest = std::min(lowest, LowestLimit(root + mount, fields[2], "memory.max"));
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      lowest = std::min(
          lowest, LowestLimit(root + "/sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"));
    }
  }
  return lowest;
}

absl::StatusOr<uint64_t> BufferBudget(const std::string& flag, int64_t value,
                                      uint64_t memory_limit) {
  if (value != 0) return AtLeast<int64_t>(flag, value, kLeastBuffered);
  return std::clamp(memory_limit / 4, kLeastBuffered, kMostBuffered);
}

}  // namespace hawser::base
