// Message bytes of a hostile peer, cut in pieces by the input itself: whatever comes, the decoder
// must not hand on more than it was given, nor hold more than its limit.
#include <glog/logging.h>

#include <algorithm>
#include <cstdint>

#include "lib/tunnel/packet_decoder.h"

namespace {

class Counter : public hawser::tunnel::PacketDecoder::Sink {
 public:
  absl::Status OnPacket(const hawser::wire::Packet&) override { return absl::OkStatus(); }
  absl::Status OnData(int64_t, std::span<const uint8_t> bytes, bool) override {
    handed_on += bytes.size();
    return absl::OkStatus();
  }
  size_t handed_on = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Counter counter;
  hawser::tunnel::PacketDecoder decoder(counter);
  std::span<const uint8_t> input(data, size);
  while (input.size() >= 2) {
    // Two bytes: the message's size and how it is cut.
    const size_t message = std::min<size_t>(input[0], input.size() - 2);
    const size_t cut = std::min<size_t>(input[1], message);
    if (!decoder.Start(message).ok()) break;
    if (!decoder.Feed(input.subspan(2, cut)).ok()) break;
    if (!decoder.Feed(input.subspan(2 + cut, message - cut)).ok()) break;
    input = input.subspan(2 + message);
  }
  CHECK_LE(counter.handed_on, size);
  return 0;
}
