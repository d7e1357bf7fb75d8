// WebSocket (RFC 6455) as a client needs it: the handshake's key, frames in both directions.
// Payloads pass through in pieces as they arrive, so that a frame may be of any length.
//
//   WebSocketReader reader;
//   HAWSER_RETURN_IF_ERROR(reader.Feed(bytes, sink));
//
// Threads: none of its own.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace hawser::net {

// A value for Sec-WebSocket-Key, unlike any other.
std::string NewWebSocketKey();
// What a server that understood it says in Sec-WebSocket-Accept (section 4.2.2).
std::string WebSocketAccept(const std::string& key);

enum class WebSocketOpcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// The longest header that a client's frame has.
inline constexpr size_t kWebSocketHeader = 14;
// Makes `payload` a whole frame: masks it in place and writes the header into the kWebSocketHeader
// bytes in front of it, which are the caller's. Returns the frame.
std::span<const uint8_t> SealWebSocketFrame(WebSocketOpcode opcode, std::span<uint8_t> payload);

// Takes a server's frames apart.
class WebSocketReader {
 public:
  // Of ping, pong and close frames (section 5.5).
  static constexpr size_t kMaxControl = 125;

  class Sink {
   public:
    virtual ~Sink() = default;
    // A message begins; its payload follows in pieces, however it was cut into frames. An error of
    // these ends the reading with it. Pieces lie within the bytes given to Feed().
    virtual absl::Status OnMessageStart(bool text) = 0;
    virtual absl::Status OnMessageBytes(std::span<const uint8_t> bytes) = 0;
    virtual absl::Status OnMessageEnd() = 0;
    // At most kMaxControl bytes, as in a pong that answers it.
    virtual void OnPing(std::span<const uint8_t> payload) = 0;
    // The server sends nothing any more; what follows in its bytes is passed over.
    virtual void OnClose() = 0;
  };

  // kInvalidArgument for what breaks the protocol; the reader is of no more use then. Where the
  // bytes are cut does not change what the sink hears, but for the cuts of the pieces.
  absl::Status Feed(std::span<const uint8_t> bytes, Sink& sink);

 private:
  absl::Status TakeHeader(uint8_t byte, Sink& sink);
  absl::Status BeginFrame(Sink& sink);
  absl::Status EndFrame(Sink& sink);
  bool control() const { return opcode_ >= 8; }

  std::array<uint8_t, 10> header_;
  size_t header_size_ = 0;    // bytes of it so far
  size_t header_wanted_ = 2;  // bytes in all, as far as is known
  bool in_payload_ = false;
  bool final_ = false;
  uint8_t opcode_ = 0;
  uint64_t left_ = 0;        // of the payload
  bool in_message_ = false;  // which is not complete
  std::array<uint8_t, kMaxControl> control_;
  size_t control_size_ = 0;
  bool closed_ = false;
};

}  // namespace hawser::net
