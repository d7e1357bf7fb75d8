#include "bench/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace hawser::bench {
namespace {

std::string ReadProcFile(pid_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) throw std::runtime_error("cannot read " + path);
  return line;
}

double CpuSecondsOf(pid_t pid) {
  // proc(5): pid (comm) state ..., utime and stime are fields 14 and 15. The name may hold spaces.
  const std::string line = ReadProcFile(pid, "stat");
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user_ticks = 0, system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  return (user_ticks + system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

double CpuSeconds(const std::vector<pid_t>& pids) {
  double sum = 0;
  for (const pid_t pid : pids) sum += CpuSecondsOf(pid);
  return sum;
}

int64_t ResidentBytes(pid_t pid) {
  std::istringstream fields(ReadProcFile(pid, "statm"));
  int64_t total_pages = 0, resident_pages = 0;
  fields >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

}  // namespace hawser::bench
