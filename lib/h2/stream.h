// One gRPC call on a Transport: gRPC's rules on one HTTP/2 stream, server or client side.
//
// The transport owns it and calls it from nghttp2's callbacks; nothing is destroyed in there. A
// retired stream is deaf and mute: its handler hears EndSome() and OnClosed() in later turns,
// nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/h2/grpc_framing.h"
#include "lib/h2/grpc_headers.h"
#include "lib/h2/window_reduction.h"
#include "lib/net/message_stream.h"

namespace hawser::h2 {

class Transport;

class Stream final : public net::MessageStream, private Deframer::Sink {
 public:
  // What Fill() did.
  struct Filled {
    enum Kind {
      kNothing,  // until the stream is woken
      kBytes,    // `bytes` > 0 are ready to be framed
      kEnd,      // nothing more, ever
    } kind = kNothing;
    size_t bytes = 0;
  };

  Stream(Transport& transport, int32_t id, std::unique_ptr<net::StreamHandler> handler);
  ~Stream() override;

  // net::MessageStream. After Finish() the handler is still asked for messages until it has none.
  base::Scheduler& scheduler() override;
  void SendHeaders(const net::Metadata& headers) override;
  void Wake() override;
  void Withhold(size_t bytes) override;
  void Release(size_t bytes) override;
  void SetWindow(size_t bytes) override;
  void Finish(const absl::Status& status) override;
  void Reset() override;
  void Abort(const absl::Status& reason) override;
  base::Duration RoundTrip() const override;
  base::Duration LeastRoundTrip() const override;

  // The rest is the transport's.

  int32_t id() const { return id_; }
  size_t withheld() const { return withheld_; }
  base::Time opened_at() const { return opened_at_; }
  // Kept by the transport: of its window what it shrank by, how many bytes are worth an update, and
  // how many came since the last one was thought of.
  WindowReduction reduction;
  size_t return_step = SIZE_MAX;
  size_t since_return = 0;
  // Tells the handler that the stream exists. A server ends the call with DEADLINE_EXCEEDED after
  // `timeout`, when there is one.
  void Open(const net::Metadata& headers, std::optional<base::Duration> timeout);
  // A header block other than the request's: response headers, or trailers when `end_stream`.
  void OnHeaderBlock(const HeaderBlock& block, bool end_stream);
  // Payload of a DATA frame. Returns how many of the bytes go back to the peer's window now.
  size_t OnData(std::span<const uint8_t> bytes);
  // The peer ended the stream with the request's headers or with a DATA frame.
  void OnEndOfData();

  // Puts the next bytes of messages into `space` (kMinBatch or more), of which the peer takes no
  // more than `allowed` now. The result can be read until the next call.
  const Filled& Fill(std::span<uint8_t> space, size_t allowed);
  const Filled& filled() const { return filled_; }
  // Asks for Fill() again when it had nothing.
  void OnWoken();
  // What a server says after its last message.
  net::Metadata Trailers() const;
  void OnLocalEnd() { local_end_ = true; }

  // The reason for OnClosed() when HTTP/2 closes the stream with an error code.
  absl::Status CloseReason(uint32_t http2_code) const;
  void Retire(const absl::Status& status);
  // Has the handler end some of what it keeps, or tells it that the stream is gone: true, and then
  // that was the last call.
  bool Close();

  // Listed for OnWoken(); kept by the transport.
  bool woken = false;

 private:
  // Deframer::Sink
  absl::Status OnMessageStart(size_t size) override;
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override;

  bool deaf() const;
  void OnResponse(const HeaderBlock& block);
  void EndOfRemote(const absl::Status& status);
  void OnDeadline();
  size_t Produce(std::span<uint8_t> space, size_t allowed);
  size_t Unstash(std::span<uint8_t> space, size_t allowed);

  Transport& transport_;
  const int32_t id_;
  const base::Time opened_at_;
  std::unique_ptr<net::StreamHandler> handler_;
  Deframer deframer_;

  bool responded_ = false;  // the response headers are out (server) or in (client)
  bool idle_ = false;       // nghttp2 waits for OnWoken()
  bool finished_ = false;   // Finish() was called
  bool expired_ = false;    // the deadline passed
  bool local_end_ = false;  // we sent END_STREAM
  bool retired_ = false;
  absl::Status result_;  // given to Finish(); once retired: for OnClosed()

  Filled filled_;
  size_t withheld_ = 0;
  size_t handed_over_ = 0;  // bytes being handed over now that are not withheld
  // Produced bytes that the peer's window did not take yet: less than kMinBatch.
  std::vector<uint8_t> stash_;
  std::unique_ptr<base::Timer> deadline_;
};

}  // namespace hawser::h2
