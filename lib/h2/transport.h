// One HTTP/2 connection that carries gRPC calls, over one socket, as server or as client.
//
//   auto transport = h2::Transport::Client(std::move(socket), {}, [this](const absl::Status& why) {
//     transport_.reset();
//   });
//   absl::Status opened = transport->OpenStream("/AgentService/Connect", "hub.example:8091",
//                                               metadata, std::make_unique<MyHandler>());
//
// Pull, not push: handlers are asked for messages when the socket can take them, and what they
// write is framed in place in one batch per loop. Incoming message bytes are handed over where
// they were decrypted. An idle transport therefore holds no buffers of its own.
//
// A peer is believed nothing: every limit of Options and every budget of AbuseBudget costs the
// peer its whole connection, and no one else anything.
//
// Threads: the loop's of the socket, within turns. Callbacks and handler calls may call anything
// here; only the destructor must not run inside them, Closed excepted.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/base/seeded_hash.h"
#include "lib/h2/abuse_budget.h"
#include "lib/h2/grpc_headers.h"
#include "lib/h2/keepalive.h"
#include "lib/h2/read_pace.h"
#include "lib/net/message_stream.h"
#include "lib/net/socket.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace hawser::h2 {

class Stream;

struct Options {
  // A PING is sent this long after the last one, idle or not; zero: never. Without an answer
  // within `keepalive_timeout` the connection is dead.
  base::Duration keepalive = std::chrono::seconds(15);
  base::Duration keepalive_timeout = std::chrono::seconds(10);
  // The peer's preface (its first SETTINGS) must have arrived this long after the start.
  base::Duration preface_deadline = std::chrono::seconds(10);
  // Flow-control windows that we give, bytes: a stream's at first, which its handler may change,
  // and the connection's, which holds nobody back.
  uint32_t stream_window = 8 * 1024 * 1024;
  uint32_t connection_window = 128 * 1024 * 1024;
  // Largest payload of a frame that we take, bytes, 16384 at least (RFC 9113 section 6.5.2). With
  // its header this one fills four TLS records.
  uint32_t max_frame = 64 * 1024 - 9;
  // Largest header list that we take, bytes as RFC 9113 section 6.5.2 counts them.
  uint32_t max_header_list = 16 * 1024;
  // Largest message that we take, bytes.
  uint32_t max_message = 4 * 1024 * 1024;
  // Server: streams open at the same time.
  uint32_t max_streams = 256;
  // Server: a stream whose messages break the protocol is reset alone, for streams that have
  // nothing to do with each other. The connection ends when that happens again and again
  // (AbuseBudget).
  bool spare_other_streams = false;
  AbuseBudget::Limits abuse;
  // Told how many bytes wait for a peer that does not take them, the memory of frames behind them
  // included, whenever that changes; false: they are too many, and the connection ends. May be
  // null.
  std::function<bool(size_t bytes)> waiting;
};

struct Counters {
  uint64_t bytes_sent = 0;      // HTTP/2 bytes given to the socket
  uint64_t bytes_received = 0;  // HTTP/2 bytes read from it
  uint64_t streams = 0;         // opened so far, by either side
  uint64_t frames_charged = 0;  // against the abuse budget
};

// Decides about a call: the handler for its stream, or null, which answers UNIMPLEMENTED.
// `headers` are the request's, without pseudo headers.
using Acceptor = absl::AnyInvocable<std::unique_ptr<net::StreamHandler>(
    const std::string& path, const net::Metadata& headers)>;
// The transport is closed, and why (OK: by Close(OK) or after our GoAway()). Called once, after the
// OnClosed() of every stream and from nobody's callback; may destroy the transport.
using Closed = absl::AnyInvocable<void(const absl::Status&)>;

class Transport : private Keepalive::Link {
 public:
  // The socket is connected (for TLS: after the handshake). Never calls back from within.
  static std::unique_ptr<Transport> Server(std::unique_ptr<net::Socket> socket,
                                           const Options& options, Acceptor acceptor,
                                           Closed closed);
  static std::unique_ptr<Transport> Client(std::unique_ptr<net::Socket> socket,
                                           const Options& options, Closed closed);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  // Closes what is still open: handlers get OnClosed(), but Closed is not called.
  ~Transport() override;

  // Client: starts a call and hands it to `handler`, whose OnOpen() is called from within.
  // kUnavailable when the connection is closing, kResourceExhausted when streams_available() is
  // zero; the handler is then destroyed without a call.
  absl::Status OpenStream(const std::string& path, const std::string& authority,
                          const net::Metadata& headers,
                          std::unique_ptr<net::StreamHandler> handler);
  // Tells the peer to open no more streams; the transport closes, with OK, after the last one.
  void GoAway();
  // Ends the connection and all its streams with `status` in the next turns; unsent data is lost.
  void Close(const absl::Status& status);

  // Makes the peer say something soon: sends a PING now, unless one is unanswered anyway.
  void Probe() { keepalive_.Probe(); }
  // When bytes of the peer's arrived last.
  base::Time heard_at() const { return heard_at_; }
  // Changes Options::keepalive; zero ends it. A client that knows no round trip yet measures it at
  // once, as servers do from the start: to be called towards hubs of ours, since Go servers count
  // pings.
  void SetKeepalive(base::Duration interval);

  size_t stream_count() const { return streams_.size(); }
  // Client: streams that the peer would take now. 100 until its settings are known.
  size_t streams_available() const;
  // Round-trip time measured last, zero when unknown.
  base::Duration RoundTrip() const { return keepalive_.round_trip(); }
  // See net::MessageStream::LeastRoundTrip().
  base::Duration LeastRoundTrip() const { return keepalive_.least_round_trip(); }
  bool spares_other_streams() const { return options_.spare_other_streams; }
  // See net::MessageBatch::turn().
  size_t turn() const { return turn_; }
  net::Socket& socket() { return *socket_; }
  const Counters& counters() const { return counters_; }

 private:
  friend class Stream;
  struct ReceiveCallbacks;
  struct SendCallbacks;

  enum class State {
    kOpen,
    kClosing,  // the turn's end says GOAWAY and closes the socket
    kClosed,   // the socket is closed; handlers and owner hear of it in the next turns
  };

  Transport(std::unique_ptr<net::Socket> socket, const Options& options, Acceptor acceptor,
            Closed closed);
  static nghttp2_session_callbacks* MakeCallbacks();
  static void AddReceiveCallbacks(nghttp2_session_callbacks* callbacks);
  static void AddSendCallbacks(nghttp2_session_callbacks* callbacks);
  void SubmitSettings();
  void LimitUnansweredTime();

  // Keepalive::Link
  void SendPing(uint64_t opaque) override;
  void OnPingTimeout(base::Duration timeout) override;

  net::EventLoop& loop() { return socket_->loop(); }
  bool server() const { return acceptor_ != nullptr; }
  // Runs `work` in a later turn, unless the transport is gone by then.
  void Post(base::Closure work);
  // Ends the connection: everybody here is told `status`, the peer `code` (RFC 9113 section 7) in
  // a GOAWAY. The first reason counts. Safe in any call stack.
  void Fail(const absl::Status& status, uint32_t code);
  // nghttp2 neither reads nor writes any more.
  void OnSessionEnd();
  void Shut();
  void EndStreams();

  // Streams (transport_streams.cc). Null when the stream is unknown or retired.
  Stream* Find(int32_t id);
  Stream& AddStream(int32_t id, std::unique_ptr<net::StreamHandler> handler);
  // Takes the stream out of use; its EndSome() and OnClosed(status) follow in later turns.
  void Retire(Stream& stream, const absl::Status& status);
  void Bury();
  void BuryNext();
  void OnRequest(int32_t id, bool end_stream);
  void Refuse(int32_t id, const net::Metadata& fields);
  // What streams ask for.
  void ResetStream(Stream& stream, uint32_t code, const absl::Status& status);
  void ResumeData(int32_t id);
  void ReturnWindow(Stream& stream, size_t bytes);
  void Consume(Stream& stream, size_t bytes);
  void SetWindow(Stream& stream, size_t bytes);
  bool HasSendWindow(int32_t id) const;
  void WakeStream(Stream& stream);

  // Receiving (transport_receive.cc).
  void OnReadable();
  void Receive(std::span<const uint8_t> bytes);
  // Takes the price of something unproductive from the peer's budget, that of a frame if it is not
  // said; `what` for the peer that has no more.
  void Charge(const char* what, double cost = 1);

  // Sending (transport_send.cc).
  int32_t SubmitRequest(const net::Metadata& fields);
  void SubmitResponse(int32_t id, const net::Metadata& fields, bool has_data);
  void SubmitTrailers(const Stream& stream);
  void RequestFlush() { flush_.RequestOn(loop().flushes()); }
  void Flush();
  bool SendBatch();
  void Write(std::span<const uint8_t> bytes);
  void OnWritable();
  void TellWaiting();
  void SayGoAway();

  const Options options_;
  std::unique_ptr<net::Socket> socket_;
  Acceptor acceptor_;
  Closed closed_;
  nghttp2_session* session_ = nullptr;
  State state_ = State::kOpen;
  absl::Status failure_;      // why it is no longer open
  uint32_t goaway_code_ = 0;  // what the peer is told then
  std::string going_away_;    // the peer's GOAWAY, in words
  Counters counters_;
  AbuseBudget budget_;
  Keepalive keepalive_;
  base::Time heard_at_;
  ReadPace read_pace_;
  base::Timer preface_timer_;

  std::unordered_map<int32_t, std::unique_ptr<Stream>, base::SeededHash> streams_;
  std::deque<std::unique_ptr<Stream>> retired_;
  bool burying_ = false;        // a turn for the retired ones is on its way
  bool lost_ = false;           // all streams are retired: the owner hears of it after the last one
  std::vector<int32_t> woken_;  // streams whose handlers have something to send
  HeaderBlock block_;           // the header block being received

  base::Deferred flush_;
  std::span<uint8_t> batch_;  // free space of the loop's write batch, while it is filled
  bool batch_full_ = false;
  size_t turn_ = net::MessageBatch::kShortestTurn;  // of one sender, in such a batch
  std::vector<uint8_t> unsent_;  // what the socket did not take of the last batch
  bool blocked_ = false;         // until the socket is writable again
  size_t bytes_waiting_ = 0;     // of a batch that the socket did not take whole, while blocked
  size_t fields_waiting_ = 0;    // header fields that nghttp2 has not sent yet, bytes

  std::shared_ptr<void> alive_;  // what is posted looks here whether the transport still is
};

}  // namespace hawser::h2
