// Fuzzing of the parsers that read a head in pieces: ConnectReply, Http1Head.
#pragma once

#include <glog/logging.h>

#include <cstdint>
#include <span>

namespace hawser::net {

// The first byte of the input says where the rest is cut in two. Both readings must agree;
// `compare(whole, cut)` looks at complete ones.
template <typename Head, typename Compare>
void FuzzHead(const uint8_t* data, size_t size, Compare compare) {
  if (size == 0) return;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  Head whole;
  const auto used = whole.Feed(bytes);

  Head cut;
  const auto first = cut.Feed(bytes.first((size - 1) * data[0] / 256));
  const auto second = first.ok() ? cut.Feed(bytes.subspan(*first)) : first;
  CHECK_EQ(static_cast<int>(second.status().code()), static_cast<int>(used.status().code()));
  CHECK_EQ(cut.complete(), whole.complete());
  if (!used.ok()) return;
  CHECK_EQ(*first + *second, *used);
  CHECK_LE(*used, Head::kMaxBytes);
  if (whole.complete()) compare(whole, cut);
}

}  // namespace hawser::net
