#include "lib/net/connect_reply.h"
#include "lib/net/head_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::net::ConnectReply;
  hawser::net::FuzzHead<ConnectReply>(data, size,
                                      [](const ConnectReply& whole, const ConnectReply& cut) {
                                        CHECK_EQ(cut.status(), whole.status());
                                        CHECK_EQ(cut.reason(), whole.reason());
                                        CHECK(cut.fields().entries() == whole.fields().entries());
                                        CHECK_GE(whole.status(), 100);
                                        CHECK_LE(whole.status(), 999);
                                      });
  return 0;
}
