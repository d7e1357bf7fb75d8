#include "lib/base/daemon.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <iostream>

#include "lib/base/build_info.h"
#include "lib/base/descriptor_limit.h"
#include "lib/base/flags.h"
#include "lib/base/log_flags.h"
#include "lib/base/logging.h"

namespace hawser::base {
namespace {

constexpr int kBadUsage = 64;
// Without these, libraries throw or abort before the first port is open.
constexpr uint64_t kLeastDescriptors = 64;

// Private keys and what passes through the tunnel must not end up in a file, nor be read by another
// process of the same user.
void ForbidDumps() {
  constexpr rlimit kNone{0, 0};
  setrlimit(RLIMIT_CORE, &kNone);
  prctl(PR_SET_DUMPABLE, 0);
}

// Buffers of a busy connection come and go many times a second. glibc would give each back to the
// kernel, which costs a page fault per 4 KiB when the next one is made.
void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

// Those that Go programs ignore, and rotation of logs or a curious operator sends.
void IgnoreUserSignals() {
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGUSR2, SIG_IGN);
}

}  // namespace

int TellCheck(const char* name, const absl::Status& status) {
  if (!status.ok()) return BadUsage(name, status);
  std::cout << name << ": the configuration file is valid\n";
  return 0;
}

int BadUsage(const char* name, const absl::Status& status) {
  std::cerr << name << ": " << std::string(status.message()) << "\n";
  return kBadUsage;
}

std::optional<int> BeginDaemon(const char* name, const std::string& summary, int argc,
                               const char* const* argv) {
  const auto output = ParseCommandLine({name, summary, VersionLine(name)}, argc, argv);
  if (!output.ok()) return BadUsage(name, output.status());
  if (!output->empty()) {
    std::cout << *output << std::flush;
    return 0;
  }
  ForbidDumps();
  KeepFreedMemory();
  IgnoreUserSignals();
  const auto log = LogOptionsFromFlags();
  if (!log.ok()) return BadUsage(name, log.status());
  if (const absl::Status status = InitLogging(name, *log); !status.ok())
    return BadUsage(name, status);
  for (const std::string& flag : GivenWithoutEffect())
    LOG(INFO) << "flag --" << flag << " has no effect";
  RaiseDescriptorLimit();
  if (const absl::Status status = NeedDescriptors(kLeastDescriptors); !status.ok()) {
    LOG(ERROR) << std::string(status.message());
    return 1;
  }
  return std::nullopt;
}

}  // namespace hawser::base
