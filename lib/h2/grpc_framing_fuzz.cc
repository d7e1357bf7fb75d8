// The deframer gives the same messages, and the same verdict, however its input is cut.
#include <glog/logging.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/h2/grpc_framing.h"

namespace hawser::h2 {
namespace {

constexpr uint32_t kMaxMessage = 4096;

struct Collector : Deframer::Sink {
  absl::Status OnMessageStart(size_t size) override {
    CHECK_LE(size, kMaxMessage);
    if (!messages.empty()) CHECK_EQ(messages.back().size(), announced) << "cut short";
    announced = size;
    messages.emplace_back();
    return absl::OkStatus();
  }
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override {
    messages.back().append(bytes.begin(), bytes.end());
    CHECK_LE(messages.back().size(), announced);
    return absl::OkStatus();
  }

  std::vector<std::string> messages;
  size_t announced = 0;
};

struct Outcome {
  absl::Status status;
  std::vector<std::string> messages;
  bool at_message_end;
};

Outcome Feed(std::span<const uint8_t> bytes, size_t piece) {
  Deframer deframer(kMaxMessage);
  Collector collector;
  absl::Status status;
  while (!bytes.empty() && status.ok()) {
    const size_t size = std::min(piece, bytes.size());
    status = deframer.Feed(bytes.first(size), collector);
    bytes = bytes.subspan(size);
  }
  return {status, collector.messages, deframer.at_message_end()};
}

}  // namespace
}  // namespace hawser::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  const auto whole = hawser::h2::Feed(bytes, std::max<size_t>(bytes.size(), 1));
  const auto cut = hawser::h2::Feed(bytes, size_t{1} + data[0]);
  CHECK_EQ(whole.status, cut.status);
  CHECK(whole.messages == cut.messages);
  CHECK(!whole.status.ok() || whole.at_message_end == cut.at_message_end);
  return 0;
}
