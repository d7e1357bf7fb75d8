#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/base/duration.h"

// What is read is printed in a form that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto duration =
      hawser::base::ParseDuration(std::string(reinterpret_cast<const char*>(data), size));
  if (!duration.ok()) return 0;
  const auto again = hawser::base::ParseDuration(hawser::base::FormatDuration(*duration));
  CHECK(again.ok()) << again.status();
  CHECK_EQ(again->count(), duration->count());
  return 0;
}
