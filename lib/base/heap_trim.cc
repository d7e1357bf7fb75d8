#include "lib/base/heap_trim.h"

#include <malloc.h>

#include <algorithm>

namespace hawser::base {
namespace {

constexpr uint64_t kLeastFall = 16 * 1024 * 1024;

}  // namespace

bool HeapTrim::Observe(uint64_t held) {
  peak_ = std::max(peak_, held);
  if (held > peak_ / 2 || peak_ - held < kLeastFall) return false;
  peak_ = held;
  if (trimming_.joinable()) trimming_.join();
  trimming_ = std::thread([] { malloc_trim(0); });
  return true;
}

HeapTrim::~HeapTrim() {
  if (trimming_.joinable()) trimming_.join();
}

}  // namespace hawser::base
