#include "lib/base/heap_trim.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

namespace hawser::base {
namespace {

constexpr uint64_t kLeastFall = 8 * 1024 * 1024;
// What falls faster than that from one look to the next is not at rest, bytes: pages of which a
// part is still in use cannot be given back.
constexpr uint64_t kAtRest = 1024 * 1024;

}  // namespace

bool HeapTrim::Observe(uint64_t held) {
  peak_ = std::max(peak_, held);
  const bool falls = std::exchange(last_, held) > held + kAtRest;
  if (falls || held > peak_ / 2 || peak_ - held < kLeastFall) return false;
  peak_ = held;
  if (trimming_.joinable()) trimming_.join();
  trimming_ = std::thread([] { malloc_trim(0); });
  return true;
}

HeapTrim::~HeapTrim() {
  if (trimming_.joinable()) trimming_.join();
}

}  // namespace hawser::base
