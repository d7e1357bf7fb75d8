#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/net/http1_head.h"

// The first byte says where the rest is cut in two. Both readings of the head must agree.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::net::Http1Head;
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  Http1Head whole;
  const auto used = whole.Feed(bytes);

  Http1Head cut;
  const auto first = cut.Feed(bytes.first((size - 1) * data[0] / 256));
  const auto second = first.ok() ? cut.Feed(bytes.subspan(*first)) : first;
  CHECK_EQ(static_cast<int>(second.status().code()), static_cast<int>(used.status().code()));
  CHECK_EQ(cut.complete(), whole.complete());
  if (!used.ok()) return 0;
  CHECK_EQ(*first + *second, *used);
  CHECK_LE(*used, Http1Head::kMaxBytes);
  if (!whole.complete()) return 0;
  CHECK_EQ(cut.target(), whole.target());
  CHECK(cut.headers().entries() == whole.headers().entries());
  CHECK_LE(whole.headers().entries().size(), Http1Head::kMaxFields);
  for (const auto& [name, value] : whole.headers().entries()) {
    CHECK(!name.empty());
    CHECK_EQ(value.find_first_of("\r\n"), std::string::npos);
  }
  return 0;
}
