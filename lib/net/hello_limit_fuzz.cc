// However the bytes of a client are cut, they are judged alike.
#include <glog/logging.h>

#include <algorithm>
#include <span>

#include "lib/net/hello_limit.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::net::HelloLimit;
  if (size == 0) return 0;
  const auto agreed = static_cast<HelloLimit::Agreed>(data[0] % 3);
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  HelloLimit whole, cut;
  const bool allowed = whole.Allows(bytes, agreed);
  bool allowed_in_pieces = true;
  for (size_t at = 0; at < bytes.size() && allowed_in_pieces;) {
    const size_t piece = std::min<size_t>(1 + data[0] / 3 % 9, bytes.size() - at);
    allowed_in_pieces = cut.Allows(bytes.subspan(at, piece), agreed);
    at += piece;
  }
  CHECK_EQ(allowed, allowed_in_pieces);
  return 0;
}
