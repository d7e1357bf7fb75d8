#include <string>

#include "lib/net/head_fuzz.h"
#include "lib/net/http1_head.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::net::Http1Head;
  hawser::net::FuzzHead<Http1Head>(data, size, [](const Http1Head& whole, const Http1Head& cut) {
    CHECK_EQ(cut.target(), whole.target());
    CHECK(cut.headers().entries() == whole.headers().entries());
    CHECK_LE(whole.headers().entries().size(), Http1Head::kMaxFields);
    for (const auto& [name, value] : whole.headers().entries()) {
      CHECK(!name.empty());
      CHECK_EQ(value.find_first_of("\r\n"), std::string::npos);
    }
  });
  return 0;
}
