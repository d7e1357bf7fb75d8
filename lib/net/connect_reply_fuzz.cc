#include <glog/logging.h>

#include <cstdint>

#include "lib/net/connect_reply.h"

// The first byte says where the rest is cut in two. Both readings of the head must agree.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::net::ConnectReply;
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  ConnectReply whole;
  const auto used = whole.Feed(bytes);

  ConnectReply cut;
  const auto first = cut.Feed(bytes.first((size - 1) * data[0] / 256));
  const auto second = first.ok() ? cut.Feed(bytes.subspan(*first)) : first;
  CHECK_EQ(static_cast<int>(second.status().code()), static_cast<int>(used.status().code()));
  CHECK_EQ(cut.complete(), whole.complete());
  if (!used.ok()) return 0;
  CHECK_EQ(*first + *second, *used);
  CHECK_LE(*used, ConnectReply::kMaxBytes);
  if (!whole.complete()) return 0;
  CHECK_EQ(cut.status(), whole.status());
  CHECK_EQ(cut.reason(), whole.reason());
  CHECK_GE(whole.status(), 100);
  CHECK_LE(whole.status(), 999);
  return 0;
}
