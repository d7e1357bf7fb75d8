// One message stream that carries many connections: what both roles share. DialingSession asks for
// connections (hub towards agent, client towards hub); DialedSession opens them (agent, and the
// hub's gRPC front end towards its client).
//
// Pull, not push: nothing is read from a connection before the transport has room. Ready
// connections take turns, one message each; control packets go first. A connection without window
// is parked and costs nothing. See docs/design/002-flow-of-bytes.md.
//
// Threads: the scheduler of the stream. Ownership: the transport owns the session as the stream's
// handler; the session owns its connections.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/net/message_stream.h"
#include "lib/tunnel/connection.h"
#include "lib/tunnel/features.h"
#include "lib/tunnel/memory.h"
#include "lib/tunnel/packet_decoder.h"
#include "proto/hawser.pb.h"

namespace hawser::tunnel {

struct SessionOptions {
  int64_t first_window = 256 * 1024;   // bytes we announce per connection
  int64_t max_window = 1024 * 1024;    // bytes it may grow to
  // For peers without windows: bytes queued per connection before the shared stream is held back,
  // and how long it may be held without progress before the connection is reset.
  uint64_t plain_queue_cap = 1024 * 1024;
  base::Duration plain_stall_limit = std::chrono::seconds(1);
  size_t max_connections = 65536;
  bool one_connection = false;         // front-end streams
  bool offer_window = true;            // false on front-end streams: HTTP/2's window serves
  MemoryBudget* memory = nullptr;      // of the process; may be null
};

// Counters of one session, for metrics and listings; plain values, read on the session's thread.
struct SessionCounters {
  uint64_t bytes_to_peer = 0;
  uint64_t bytes_from_peer = 0;
  uint64_t packets_to_peer = 0;
  uint64_t packets_from_peer = 0;
  uint64_t window_stalls = 0;     // times a connection was parked for want of window
  uint64_t connections_total = 0;
  uint64_t ignored_packets = 0;   // for ids that had ended
};

class Session : public net::StreamHandler, private PacketDecoder::Sink {
 public:
  explicit Session(const SessionOptions& options);
  ~Session() override;

  const Features& features() const { return features_; }
  const SessionCounters& counters() const { return counters_; }
  size_t connection_count() const { return connections_.size(); }
  base::Scheduler& scheduler() { return stream_->scheduler(); }
  net::MessageStream* stream() { return stream_; }
  // Calls `visit(const Connection&)` for each.
  template <typename Visitor>
  void ForEachConnection(Visitor&& visit) const {
    for (const auto& [id, connection] : connections_) visit(*connection);
  }

  // net::StreamHandler
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
  void OnHeaders(const net::Metadata& headers) override;
  void Produce(net::MessageBatch& batch) override;
  absl::Status OnMessageStart(size_t size) override;
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override;
  void OnRemoteEnd(const absl::Status& status) override;
  void OnClosed(const absl::Status& status) override;
};

}  // namespace hawser::tunnel
