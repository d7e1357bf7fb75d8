// One message stream that carries many connections: what both roles share. DialingSession asks for
// connections (hub towards agent, client towards hub); DialedSession opens them (agent, and the
// hub's gRPC front end towards its client).
//
// Pull, not push: nothing is read from a connection before the transport has room. Ready
// connections take turns, one message each; control packets go first. A connection without window
// is parked and costs nothing. docs/design/002-flow-of-bytes.md follows one byte through it.
//
// Threads: the scheduler of the stream. Ownership: the transport owns the session as the stream's
// handler; the session owns its connections.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/base/seeded_hash.h"
#include "lib/net/message_stream.h"
#include "lib/tunnel/connection.h"
#include "lib/tunnel/connection_list.h"
#include "lib/tunnel/control_queue.h"
#include "lib/tunnel/features.h"
#include "lib/tunnel/hold_ups.h"
#include "lib/tunnel/memory.h"
#include "lib/tunnel/packet_decoder.h"
#include "lib/tunnel/ready_queue.h"
#include "lib/tunnel/stream_window.h"
#include "proto/hawser.pb.h"

namespace hawser::tunnel {

// First bytes that a dial carries: accepted at most, and sent at most (so that a DIAL_REQ fits the
// smallest batch of a transport; a TLS ClientHello or an HTTP head is shorter).
inline constexpr size_t kMaxEarly = 16 * 1024;
inline constexpr size_t kMaxEarlySent = 3 * 1024;

struct SessionOptions {
  // Receive window per connection, bytes: announced first, and how far it may grow.
  int64_t first_window = 256 * 1024;
  int64_t max_window = 16 * 1024 * 1024;
  // How long a connection that sends nothing keeps what its window grew by.
  base::Duration idle_window_limit = std::chrono::seconds(10);
  // For peers without windows: bytes queued per connection before the shared stream is held back,
  // and how long it may be held, while others may wait, before that connection is reset for taking
  // nothing, or next to nothing: a busy reader may pause for seconds (at one second slow clients of
  // Go agents were cut). hold_ups.h: what becomes of owners to whom that happens often.
  uint64_t plain_queue_cap = 1024 * 1024;
  // The shared stream's own window, bytes, as its transport gave it: it grows on a long way, for as
  // long as nobody holds it back. 0: it stays as it is.
  int64_t plain_window = 0;
  base::Duration plain_stall_limit = std::chrono::seconds(5);
  // For peers without `fin`: how long a connection whose local side finished sending may stay
  // without a byte from the peer. It gets its answer in that time, or its local side is gone
  // unnoticed (over TCP both begin alike); it ends with a reset.
  base::Duration half_closed_limit = std::chrono::seconds(30);
  // How long what a local side sent that is gone may wait for the peer's window.
  base::Duration left_limit = std::chrono::seconds(90);
  // A connection without a byte in either direction for that long is reset; zero: never.
  base::Duration idle_timeout{};
  size_t max_connections = 65536;
  size_t max_pending_dials = 4096;
  // A front-end stream: one connection, held back by HTTP/2's stream window instead of ours.
  bool one_connection = false;
  // What waits for the peer is charged to it, and what connections queue that have no other.
  // May be null.
  std::shared_ptr<MemoryBudget> memory;
};

// Packets by type: those of Konnectivity, then WINDOW, FIN, DEMAND.
inline constexpr size_t kPacketKinds = 10;
// The index for a type of the wire; kPacketKinds for one that is unknown.
size_t PacketKind(wire::PacketType type);
const char* PacketKindName(size_t kind);

// Counters of one session; read on the session's thread.
struct SessionCounters {
  uint64_t bytes_to_peer = 0;  // payload of connections
  uint64_t bytes_from_peer = 0;
  std::array<uint64_t, kPacketKinds> packets_to_peer{};
  std::array<uint64_t, kPacketKinds> packets_from_peer{};
  uint64_t connections = 0;      // opened so far
  uint64_t window_stalls = 0;    // times a connection was parked for want of window
  uint64_t ignored_packets = 0;  // for ids that had ended, or of unknown type
  uint64_t late_answers = 0;     // to dials that nobody waited for any more

  void Add(const SessionCounters& other);
};

class Session : public net::StreamHandler, private PacketDecoder::Sink {
 public:
  explicit Session(const SessionOptions& options);
  ~Session() override;

  const SessionOptions& options() const { return options_; }
  const Features& features() const { return features_; }
  const SessionCounters& counters() const { return counters_; }
  // Those whose endpoints still have to end among them.
  size_t connection_count() const { return connections_.size() + ending_.size(); }
  // Of a stream whose connections have no windows: bytes that the peer may have on their way.
  uint64_t stream_window() const { return static_cast<uint64_t>(stream_window_.size()); }
  // A plain agent has still to be told of an end.
  bool closes_due() const { return !unclosed_.empty(); }
  // Null before OnOpen() and after OnClosed().
  net::MessageStream* stream() { return stream_; }
  template <typename Visitor>
  void ForEachConnection(Visitor&& visit) const {
    for (const auto& [id, connection] : connections_) visit(*connection);
  }

  // Dialled side: asks the peer to dial elsewhere from now on. Dialling side: says that it will
  // dial no more, and that its peer should serve others; only peers with features know what that
  // means.
  void SendDrain();

  // net::StreamHandler. Subclasses that are servers answer with SendHeaders() after OnOpen().
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
  void OnHeaders(const net::Metadata& headers) override;
  void Produce(net::MessageBatch& batch) override;
  absl::Status OnMessageStart(size_t size) override;
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override;
  void OnRemoteEnd(const absl::Status& status) override;
  bool EndSome(const absl::Status& status) override;
  void OnClosed(const absl::Status& status) override;

  // Client side: puts our offer of features into the request headers.
  void OfferFeatures(net::Metadata& headers) const;
  // Server side: puts the accepted features into the response headers.
  void AnswerFeatures(net::Metadata& headers) const;

 protected:
  // How many endpoints are told in one go, of ends that a message or a lost stream brings.
  static constexpr size_t kEndSlice = 8;
  // How many connections one turn looks at.
  static constexpr size_t kLookSlice = 32;

  // What connections and dials are told when the stream is lost.
  virtual Failure LostFailure(const absl::Status& status) const = 0;
  // How this role ends a connection: CLOSE_REQ or CLOSE_RSP.
  virtual wire::PacketType close_type() const = 0;
  // Sends what goes ahead of data and can still be taken back. False: the batch was too small.
  virtual bool ProduceRequests(net::MessageBatch&) { return true; }
  // A packet that is about dials: DIAL_REQ, DIAL_RSP, DIAL_CLS, DRAIN. An error ends the session.
  virtual absl::Status OnDialPacket(const wire::Packet& packet) = 0;
  // A connection has ended, by whichever side.
  virtual void OnConnectionEnded(Connection& connection) = 0;
  // Whether others wait for a connection that holds the stream of a plain peer back: there are
  // none; they did nothing for a minute; there may be some that are not known; they do wait.
  enum class Others { kNone, kIdle, kMayWait, kWait };
  virtual Others OthersThan(const Connection& holder) const;
  // No end is left that a plain agent has still to be told of.
  virtual void OnClosesSent() {}
  // Everything that was delivered to the connection's endpoint has left it, this long after the
  // first of it arrived.
  virtual void OnDelivered(Connection&, base::Duration) {}

  bool knows(int64_t id) const { return connections_.contains(id); }
  // Connections have data to send that is to go first, or much else waits to be sent.
  bool busy() const;
  // Adds a connection under an id that is not in use and opens its endpoint; `early` bytes count
  // as sent. `memory`: what its queue is charged to.
  Connection& AddConnection(int64_t id, std::shared_ptr<Endpoint> endpoint, size_t early,
                            std::shared_ptr<MemoryBudget> memory);
  // Hands `early`, bytes that came with the dial, to the endpoint. Counts them as received.
  void DeliverEarly(Connection& connection, const std::string& early);
  // An id was used: from now on packets for it are late, not lies.
  void NoteId(int64_t id) { highest_id_ = std::max(highest_id_, id); }
  // Ends the transport connection when too much waits for a peer that does not read.
  void SendPacket(const wire::Packet& packet);
  // A packet that asks for nothing any more costs the peer this, and its bytes. An error ends the
  // session.
  absl::Status ChargeLate(size_t bytes);
  // One such packet, of so many bytes, may come yet, by no fault of the peer's.
  absl::Status ChargeUseless();
  void AllowLate(size_t bytes);
  // Ends the session because the peer broke the protocol.
  absl::Status ProtocolError(const std::string& what) const;
  // For derived classes that count what only they see.
  SessionCounters& mutable_counters() { return counters_; }

 private:
  friend class Connection;

  // PacketDecoder::Sink
  absl::Status OnPacket(const wire::Packet& packet) override;
  absl::Status OnData(int64_t id, std::span<const uint8_t> bytes, bool stable) override;

  // Connection's methods.
  void Ready(Connection& connection);
  void Delivered(Connection& connection, size_t bytes);
  void Progressed(Connection& connection, size_t bytes);
  void CloseByUs(Connection& connection, const Failure* failure);
  void SendClose(int64_t id, const Failure* failure);
  // When the agent has had the time to write what it was sent.
  void SendCloseLater(const Connection& connection);
  void SendClosesDue();
  // The agent knows of the end, or has used the id again.
  void NeedsNoClose(int64_t id);

  // Sending (session_send.cc).
  void ProduceControl(net::MessageBatch& batch);
  void ProduceGrants(net::MessageBatch& batch);
  bool ProduceData(Connection& connection, net::MessageBatch& batch);
  void LocalEnd(Connection& connection);
  void Park(Connection& connection);
  void SendDemand(Connection& connection, int64_t unused);
  void NoteIdle(Connection& connection);
  int64_t Grant(Connection& connection);
  int64_t MostWindow(const MemoryBudget* memory, int64_t size) const;
  static bool ShortOfMemory(const MemoryBudget* memory);
  int64_t Growth(const Connection& connection) const;
  void Promise(MemoryBudget* memory, int64_t bytes);

  // Receiving (session_receive.cc).
  Connection* Find(int64_t id);
  absl::Status OnLatePacket(int64_t id, size_t bytes);
  absl::Status OnWindow(const wire::Window& window);
  absl::Status OnDemand(const wire::Demand& demand);
  absl::Status OnFin(int64_t id);
  absl::Status OnClose(const wire::Packet& packet);
  bool MayGrowNoMore(const Connection& connection) const;
  void HandOver(Connection& connection, std::span<const uint8_t> bytes, bool stable);
  void HoldIncomplete();
  // False: there is no memory for it.
  bool ChargeIncomplete();
  // Whether the stream may be held back on its account; ends it when not.
  bool MayHold(Connection& connection);
  // How much a connection of a plain peer may queue before the stream is held back, bytes.
  uint64_t PlainQueueCap(const Connection& connection) const;
  void Hold(Connection& connection, size_t bytes);
  void Unhold(Connection& connection, size_t bytes);
  void TuneStreamWindow(size_t bytes);

  void End(Connection& connection, const Failure* failure);
  // The same for what peers end, who may end hundreds with one message: the endpoints are told in
  // turns of their own when there are many.
  void EndByPeer(Connection& connection, const Failure* failure);
  // Takes the connection out of use; it stays until the turn is over, or in `ending_`.
  std::unique_ptr<Connection> Extract(Connection& connection);
  void TellEnd(std::unique_ptr<Connection> connection, const Failure* failure);
  void TellNextEnd();
  void TellEnds();
  void TellEndsLater();
  // Both ends now know what they agreed to.
  void OnFeatures();
  void Watch(Connection& connection);
  void Sweep();
  // Its queue is one of those that memory has to be taken from.
  bool HasToGo(const Connection& connection) const;
  // It keeps all others on the stream waiting, and takes next to nothing. Otherwise what it takes
  // is counted anew, every few seconds.
  bool HoldsUpTooLong(Connection& connection);
  // All that hold the stream back take too little, and this one least of what it holds back.
  bool TakesLeast(const Connection& holder) const;
  // It goes for holding up the others.
  void EndHolder(Connection& connection, const std::string& text);
  // For how long it may take nothing then.
  base::Duration Patience(const Connection& connection) const;
  // Whether the sweep still has to look at it; ends it when its time is up.
  bool StillWatched(Connection& connection);
  // The same for what the connection's local side is up to.
  bool LocalSideStays(Connection& connection);
  void Fail(Connection& connection, Reason reason, std::string text);
  bool IsIdle(Connection& connection);
  void EndIdle();

  const SessionOptions options_;
  Features features_;
  SessionCounters counters_;
  net::MessageStream* stream_ = nullptr;
  PacketDecoder decoder_;

  std::unordered_map<int64_t, std::unique_ptr<Connection>, base::SeededHash> connections_;
  Connection* last_found_ = nullptr;  // spares the look-up while one connection sends
  ReadyQueue ready_;
  ConnectionList<&Connection::grant_hook_> grants_;
  ConnectionList<&Connection::watch_hook_> watched_;
  ControlQueue control_;  // packets that go ahead of data
  MemoryCharge control_charge_;
  base::Time control_sent_at_;  // when the queue last gave something up, or was empty

  // For plain peers, bytes: what of the message bytes being handed over now can still be withheld,
  // and what is withheld on account of a packet that the decoder collects.
  size_t fresh_ = 0;
  size_t withheld_incomplete_ = 0;
  uint64_t withheld_ = 0;  // of the stream's own window, on account of all connections
  base::Time held_since_;  // while there is some
  base::Time held_at_{};   // when somebody was late last
  base::Time slow_at_{};   // when a slow reader was seen last
  HoldUps hold_ups_;
  // Of a packet that is collected, as far as it is charged.
  size_t incomplete_ = 0;
  MemoryCharge incomplete_charge_;

  int64_t highest_id_ = 0;
  int64_t promised_ = 0;        // bytes that windows of ours grew by
  StreamWindow stream_window_;  // of a stream whose connections have none
  int64_t late_budget_;         // bytes that packets for ended ids may still cost

  // Of plain agents, which drop what they have not written yet when they are told to close: the ids
  // of what is over, and when they are told.
  struct Unclosed {
    base::Time due;
    size_t late = 0;  // bytes that came for it since
  };
  std::unordered_map<int64_t, Unclosed, base::SeededHash> unclosed_;
  std::multimap<base::Time, int64_t> closes_;
  std::unique_ptr<base::Timer> close_;
  std::deque<std::unique_ptr<Connection>> ending_;  // over, and their endpoints do not know it yet
  std::shared_ptr<void> alive_;  // what is posted looks here whether the stream still is
  // Destroyed once nobody on the stack can hold them: at the end of the turn.
  std::vector<std::unique_ptr<Connection>> ended_;
  std::deque<std::string> ended_bytes_;
  std::unique_ptr<base::Deferred> bury_;
  std::unique_ptr<base::Timer> sweep_;
  size_t sweep_left_ = 0;  // connections that this round of it has still to look at
  std::unique_ptr<base::Timer> idle_;
  std::vector<int64_t> idle_ids_;  // of connections that were idle when they were looked at
};

}  // namespace hawser::tunnel
