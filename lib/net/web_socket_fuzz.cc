#include <glog/logging.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "lib/net/web_socket.h"

using hawser::net::WebSocketReader;

namespace {

// What was heard, in one line; pieces lie within the bytes that were given.
class Recorder final : public WebSocketReader::Sink {
 public:
  absl::Status OnMessageStart(bool text) override {
    CHECK(!in_message_ && !closed_);
    in_message_ = true;
    heard += text ? "t" : "b";
    return absl::OkStatus();
  }
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override {
    CHECK(in_message_ && !bytes.empty());
    CHECK(bytes.data() >= given.data() &&
          bytes.data() + bytes.size() <= given.data() + given.size());
    heard.append(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status OnMessageEnd() override {
    CHECK(in_message_);
    in_message_ = false;
    heard += "/";
    return absl::OkStatus();
  }
  void OnPing(std::span<const uint8_t> payload) override {
    CHECK_LE(payload.size(), WebSocketReader::kMaxControl);
    heard += "p";
    heard.append(payload.begin(), payload.end());
  }
  void OnClose() override {
    CHECK(!closed_);
    closed_ = true;
    heard += "c";
  }

  std::span<const uint8_t> given;
  std::string heard;

 private:
  bool in_message_ = false;
  bool closed_ = false;
};

absl::StatusCode Read(std::span<const uint8_t> bytes, size_t piece, Recorder& recorder) {
  WebSocketReader reader;
  while (!bytes.empty()) {
    recorder.given = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(recorder.given.size());
    const absl::Status status = reader.Feed(recorder.given, recorder);
    if (!status.ok()) return status.code();
  }
  return absl::StatusCode::kOk;
}

}  // namespace

// What is heard does not depend on how the bytes were cut.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  Recorder whole, cut;
  CHECK(Read(bytes, SIZE_MAX, whole) == Read(bytes, 1 + data[0] % 16, cut));
  CHECK_EQ(whole.heard, cut.heard);
  return 0;
}
