// Two ends of a message stream in memory: what one handler produces, the other receives. The
// transport under test conditions: small batches, messages cut into pieces, a pause in which
// nothing flows, a loss of the stream. A handler that breaks the contract of net::MessageStream
// fails a CHECK.
//
//   ManualScheduler scheduler;
//   StreamPair pair(scheduler);
//   pair.Connect(std::make_unique<Client>(), std::make_unique<Server>(), metadata);
//   pair.Run();  // until nothing flows any more
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/net/message_stream.h"
#include "lib/testing/manual_scheduler.h"

namespace hawser::testing {

class StreamPair {
 public:
  explicit StreamPair(ManualScheduler& scheduler);
  StreamPair(const StreamPair&) = delete;
  StreamPair& operator=(const StreamPair&) = delete;
  ~StreamPair();

  // Opens the stream: `client` with empty headers, `server` with `request`.
  void Connect(std::unique_ptr<net::StreamHandler> client,
               std::unique_ptr<net::StreamHandler> server, const net::Metadata& request);
  // Moves messages both ways and runs posted work until nothing is left to do.
  void Run();
  // One batch from each side that wants to send and may. Returns whether any bytes moved.
  bool Step();
  // Ends the stream for both sides with `status`.
  void Lose(const absl::Status& status);

  // Capacity of each batch, bytes.
  void set_batch(size_t bytes) { batch_ = bytes; }
  // Received bytes are handed over in pieces of at most that many.
  void set_piece(size_t bytes) { piece_ = bytes; }
  // Nothing is taken from the client / from the server while paused.
  void pause_client(bool paused) { client_.paused = paused; }
  void pause_server(bool paused) { server_.paused = paused; }
  void set_round_trip(base::Duration time) { round_trip_ = time; }
  // Stream window: bytes of the peer that a side has withheld now; it gets nothing beyond `limit`.
  void set_withhold_limit(size_t bytes) { withhold_limit_ = bytes; }
  size_t withheld_by_client() const { return client_.withheld; }
  size_t withheld_by_server() const { return server_.withheld; }
  // What a side asked for as its stream's window; 0: nothing so far.
  size_t window_of_client() const { return client_.window; }
  size_t window_of_server() const { return server_.window; }

  // Injects raw message bytes (without the gRPC prefix) as if the other side had sent them.
  void InjectToServer(const std::string& message) { Inject(server_, message); }
  void InjectToClient(const std::string& message) { Inject(client_, message); }

  bool closed() const { return closed_; }
  // Why it was closed.
  const absl::Status& status() const { return status_; }

 private:
  struct End : net::MessageStream {
    End(StreamPair& pair, bool client) : pair(pair), client(client) {}
    base::Scheduler& scheduler() override { return pair.scheduler_; }
    void SendHeaders(const net::Metadata& headers) override;
    void Wake() override { awake = true; }
    void Withhold(size_t bytes) override;
    void Release(size_t bytes) override;
    void SetWindow(size_t bytes) override { window = bytes; }
    void Finish(const absl::Status& status) override;
    void Reset() override { pair.LoseLater(absl::CancelledError("stream reset")); }
    void Abort(const absl::Status& reason) override { pair.LoseLater(reason); }
    // With what waits along the way.
    base::Duration RoundTrip() const override { return 100 * pair.round_trip_; }
    base::Duration LeastRoundTrip() const override { return pair.round_trip_; }

    StreamPair& pair;
    const bool client;
    std::unique_ptr<net::StreamHandler> handler;
    bool awake = false;
    bool paused = false;
    bool answered = false;
    bool finished = false;
    size_t withheld = 0;
    size_t handed_over = 0;  // bytes being handed over now that are not withheld
    size_t window = 0;
  };

  bool Move(End& from, End& to);
  void Hand(End& to, const std::string& message);
  void Inject(End& to, const std::string& message);
  void LoseLater(const absl::Status& status);

  ManualScheduler& scheduler_;
  End client_{*this, true};
  End server_{*this, false};
  size_t batch_ = 64 * 1024;
  size_t piece_ = SIZE_MAX;
  size_t withhold_limit_ = SIZE_MAX;
  base::Duration round_trip_ = std::chrono::milliseconds(1);
  std::vector<uint8_t> buffer_;
  bool closed_ = false;
  absl::Status status_;
};

}  // namespace hawser::testing
