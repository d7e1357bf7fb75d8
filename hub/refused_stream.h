// A call that was refused: it ends with the reason, and its connection after it.
#pragma once

#include <span>

#include "lib/h2/transport.h"
#include "lib/net/message_stream.h"

namespace hawser::hub {

class RefusedStream final : public net::StreamHandler {
 public:
  RefusedStream(const absl::Status& status, h2::Transport& transport)
      : status_(status), transport_(transport) {}

  void OnOpen(net::MessageStream& stream, const net::Metadata&) override {
    stream.Finish(status_);
    transport_.GoAway();
  }
  void OnHeaders(const net::Metadata&) override {}
  void Produce(net::MessageBatch&) override {}
  absl::Status OnMessageStart(size_t) override { return absl::OkStatus(); }
  absl::Status OnMessageBytes(std::span<const uint8_t>) override { return absl::OkStatus(); }
  void OnRemoteEnd(const absl::Status&) override {}
  void OnClosed(const absl::Status&) override {}

 private:
  const absl::Status status_;
  h2::Transport& transport_;
};

}  // namespace hawser::hub
