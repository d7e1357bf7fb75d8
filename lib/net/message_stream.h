// The message stream: one gRPC call seen as two directions of length-prefixed messages, pulled by
// the transport when its socket can take more. lib/h2 offers it over HTTP/2, lib/testing in memory;
// lib/tunnel uses it and knows neither.
//
//   MessageStream   implemented by the transport, called by the user of the stream
//   StreamHandler   implemented by the user, called by the transport
//   MessageBatch    where a handler writes what it wants to send
//
// All calls happen on the scheduler of the stream. The transport owns the handler from the moment
// it accepted it, calls EndSome() until all is ended and then OnClosed() exactly once, as the last
// call, then destroys it. Methods of MessageStream may be called from within handler calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/scheduler.h"

namespace hawser::net {

// Request or response headers; names in lower case, without the HTTP/2 pseudo headers' values
// that the transport consumes (":path" is given to the acceptor instead).
class Metadata {
 public:
  void Add(std::string name, std::string value) {
    entries_.emplace_back(std::move(name), std::move(value));
  }
  // The first value of `name`, empty when absent.
  std::string Get(const std::string& name) const {
    for (const auto& [key, value] : entries_)
      if (key == name) return value;
    return {};
  }
  bool Has(const std::string& name) const {
    for (const auto& entry : entries_)
      if (entry.first == name) return true;
    return false;
  }
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

// Room for one outgoing frame's worth of messages. Each message gets its five-byte gRPC prefix
// here (a zero byte, then the length, big endian).
class MessageBatch {
 public:
  static constexpr size_t kPrefix = 5;
  static constexpr size_t kShortestTurn = 16 * 1024;

  // `begin` points to `capacity` writable bytes.
  MessageBatch(uint8_t* begin, size_t capacity, size_t turn = kShortestTurn)
      : begin_(begin), capacity_(capacity), turn_(turn) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Bytes left for messages, prefixes included.
  size_t space() const { return capacity_ - size_; }
  // Bytes that one sender shall add while others wait, kShortestTurn at least: more where the
  // socket takes more at a time.
  size_t turn() const { return turn_; }

  // Room for a message whose header takes `header` bytes and whose payload is read in place: the
  // payload may be as long as the returned span. Follow with CommitPayload() or with nothing.
  std::span<uint8_t> PayloadSpace(size_t header);
  // Completes the message begun by PayloadSpace(): `header` (at most as long as announced; the
  // payload is moved up when it is shorter) followed by `payload` bytes.
  void CommitPayload(size_t announced_header, std::span<const uint8_t> header, size_t payload);
  // Appends a message by copy. Returns false, without effect, when it does not fit.
  bool Add(std::span<const uint8_t> message);
  // Appends what fits of a message that may be longer than a batch, as FramedMessage() made it, and
  // returns how much that was; the rest goes into the next batches, with nothing in between.
  size_t AddPart(std::span<const uint8_t> framed);

 private:
  uint8_t* begin_;
  size_t capacity_;
  size_t turn_;
  size_t size_ = 0;
};

// `message` behind its prefix.
std::string FramedMessage(const std::string& message);

class MessageStream {
 public:
  // The smallest capacity that a transport passes to Produce(): every control message fits.
  static constexpr size_t kMinBatch = 4096;

  virtual ~MessageStream() = default;
  virtual base::Scheduler& scheduler() = 0;
  // Server side: sends the response headers; must come before the first Produce().
  virtual void SendHeaders(const Metadata& headers) = 0;
  // The handler has something to send: Produce() will be called when the socket can take it.
  virtual void Wake() = 0;
  // `bytes` of the message bytes being handed over now (within OnMessageBytes) shall not be given
  // back to the peer's flow-control window until Release() says so.
  virtual void Withhold(size_t bytes) = 0;
  virtual void Release(size_t bytes) = 0;
  // The peer may have `bytes` of messages on their way to us. A smaller window comes about as bytes
  // arrive.
  virtual void SetWindow(size_t bytes) = 0;
  // Server: ends the stream with a gRPC status once everything produced is out. Client:
  // half-closes.
  virtual void Finish(const absl::Status& status) = 0;
  // Ends the stream at once (RST_STREAM). OnClosed() follows in a later turn.
  virtual void Reset() = 0;
  // Ends the stream with `reason`: the peer broke the protocol (kInvalidArgument), or takes more
  // than it may. Where its streams have nothing to do with each other the transport connection
  // stays, unless that happens again and again. OnClosed() follows in a later turn.
  virtual void Abort(const absl::Status& reason) = 0;
  // Round-trip time measured last, zero when unknown.
  virtual base::Duration RoundTrip() const = 0;
  // The least lately: the way itself, without what waits along it. Zero when unknown.
  virtual base::Duration LeastRoundTrip() const = 0;
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // First call: the stream exists (server: request headers are in `headers`, answer with
  // SendHeaders(); client: the request is on its way, `headers` is empty). `stream` lives until
  // OnClosed() has returned.
  virtual void OnOpen(MessageStream& stream, const Metadata& headers) = 0;
  // Client side: the response headers.
  virtual void OnHeaders(const Metadata& headers) = 0;
  // Appends messages to `batch` (capacity >= kMinBatch), or nothing, in which case Wake() asks for
  // the next call. Called again at once while it fills batches, as long as the peer takes
  // them.
  virtual void Produce(MessageBatch& batch) = 0;
  // A message of `size` bytes begins (size may be 0); its bytes follow in OnMessageBytes() in
  // pieces as they arrive. An error aborts the transport connection with it.
  virtual absl::Status OnMessageStart(size_t size) = 0;
  // `bytes` stay valid until the scheduler's sinks() have run.
  virtual absl::Status OnMessageBytes(std::span<const uint8_t> bytes) = 0;
  // The peer will send no more messages. On a client `status` is the call's result.
  virtual void OnRemoteEnd(const absl::Status& status) = 0;
  // The stream is lost, with the reason when it was an error: it is deaf and says no more. Called
  // until it returns true, mostly in turns of their own: who keeps much that ends with the stream
  // ends some of it each time, so that others of the loop do not wait for all of it.
  virtual bool EndSome(const absl::Status&) { return true; }
  // The stream is gone. Last call, with the same reason.
  virtual void OnClosed(const absl::Status& status) = 0;
};

}  // namespace hawser::net
