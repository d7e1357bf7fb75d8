// A transport's way in: socket, nghttp2, streams; and what peers are charged for.
#include <glog/logging.h>
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "lib/h2/stream.h"
#include "lib/h2/transport.h"

namespace hawser::h2 {
namespace {

// A stream that is reset sooner after its beginning is charged.
constexpr base::Duration kQuickReset = std::chrono::seconds(1);
// Frames that may wait for a peer that does not read, answers and window updates mostly.
constexpr size_t kMaxWaitingFrames = 2000;

static_assert(ReadPace::kMost <= net::EventLoop::kReadBatch);

const char* FrameName(uint8_t type) {
  constexpr const char* kNames[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                    "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                    "WINDOW_UPDATE", "CONTINUATION"};
  return type < std::size(kNames) ? kNames[type] : "unknown";
}

bool EndsStream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// What a peer did to be cut off is worth a word; that it is away is nobody's concern.
absl::Status ReadError(const absl::Status& error) {
  const auto code =
      absl::IsResourceExhausted(error) ? error.code() : absl::StatusCode::kUnavailable;
  return absl::Status(code, "connection lost: " + std::string(error.message()));
}

bool IsAck(const nghttp2_frame& frame) { return (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0; }

std::string_view AsText(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

// nghttp2 calls these from Receive(). They fail as soon as the transport is no longer open, which
// makes nghttp2 stop.
struct Transport::ReceiveCallbacks {
  static int Verdict(const Transport& transport) {
    return transport.state_ == State::kOpen ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  // Priorities and frames of types that it does not know are ignored: nghttp2 has nothing more to
  // say about them.
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    if (header->type == NGHTTP2_PRIORITY || header->type > NGHTTP2_CONTINUATION)
      transport.Charge(FrameName(header->type));
    return Verdict(transport);
  }

  static int IgnoreExtension(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
    return NGHTTP2_ERR_CANCEL;
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame*, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    transport.block_.Begin(transport.options_.max_header_list);
    return Verdict(transport);
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    if (!transport.block_.Add(AsText(name, name_size), AsText(value, value_size))) {
      transport.Fail(absl::ResourceExhaustedError(
                         "peer sent a header list over " +
                         std::to_string(transport.options_.max_header_list) + " bytes"),
                     NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return Verdict(transport);
  }

  static int OnDataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                         size_t size, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    nghttp2_session_consume_connection(session, size);
    if (Stream* stream = transport.Find(id); stream != nullptr) {
      const size_t returned = stream->OnData({data, size});
      stream->since_return += returned;
      if (stream->reduction.size() > 0 || stream->since_return >= stream->return_step) {
        transport.ReturnWindow(*stream, returned);
      } else {
        nghttp2_session_consume_stream(session, id, returned);
      }
    }
    return Verdict(transport);
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    switch (frame->hd.type) {
      case NGHTTP2_DATA: OnDataFrame(transport, *frame); break;
      case NGHTTP2_HEADERS: OnHeaders(transport, *frame); break;
      case NGHTTP2_SETTINGS:
        if (IsAck(*frame)) break;
        transport.preface_timer_.Cancel();
        transport.Charge("SETTINGS");
        break;
      case NGHTTP2_PING: OnPing(transport, *frame); break;
      case NGHTTP2_GOAWAY: OnGoAway(transport, *frame); break;
      case NGHTTP2_PRIORITY: break;
      case NGHTTP2_RST_STREAM: OnReset(transport, frame->hd.stream_id); break;
      default: transport.Charge(FrameName(frame->hd.type)); break;
    }
    return Verdict(transport);
  }

  static void OnDataFrame(Transport& transport, const nghttp2_frame& frame) {
    if (EndsStream(frame)) {
      if (Stream* stream = transport.Find(frame.hd.stream_id); stream != nullptr)
        stream->OnEndOfData();
    } else if (frame.hd.length == frame.data.padlen) {
      transport.Charge("empty DATA");
    }
  }

  static void OnHeaders(Transport& transport, const nghttp2_frame& frame) {
    if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
      transport.OnRequest(frame.hd.stream_id, EndsStream(frame));
    } else if (Stream* stream = transport.Find(frame.hd.stream_id); stream != nullptr) {
      stream->OnHeaderBlock(transport.block_, EndsStream(frame));
    }
    transport.block_ = {};
  }

  // A call that was given up after a while took one of a limited number of places for so long.
  static void OnReset(Transport& transport, int32_t id) {
    const Stream* const stream = transport.Find(id);
    const bool at_once =
        stream == nullptr || transport.loop().Now() - stream->opened_at() < kQuickReset;
    if (at_once) transport.Charge("RST_STREAM");
  }

  static void OnPing(Transport& transport, const nghttp2_frame& frame) {
    if (!IsAck(frame)) return transport.Charge("PING");
    uint64_t opaque;
    std::memcpy(&opaque, frame.ping.opaque_data, sizeof opaque);
    if (!transport.keepalive_.OnAck(opaque)) transport.Charge("PING answer");
  }

  // Streams above the peer's last one are closed by nghttp2; the others go on to their end.
  static void OnGoAway(Transport& transport, const nghttp2_frame& frame) {
    transport.Charge("GOAWAY");
    if (!transport.going_away_.empty()) return;
    const auto& goaway = frame.goaway;
    std::string text =
        std::string("peer said goaway: ") + nghttp2_http2_strerror(goaway.error_code);
    constexpr size_t kMaxText = 100;
    const auto reason = AsText(goaway.opaque_data, goaway.opaque_data_len).substr(0, kMaxText);
    if (!reason.empty()) text += ": " + PercentEncode(reason);
    transport.going_away_ = std::move(text);
  }

  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    const std::string name = FrameName(frame->hd.type);
    if (error == NGHTTP2_ERR_REFUSED_STREAM || error == NGHTTP2_ERR_STREAM_CLOSED) {
      // Honest peers do that too: their frames crossed ours.
      transport.Charge("late or refused frame");
    } else {
      transport.Fail(absl::InternalError("peer sent an invalid " + name +
                                         " frame: " + nghttp2_strerror(error)),
                     NGHTTP2_PROTOCOL_ERROR);
    }
    return Verdict(transport);
  }

  static int OnStreamClose(nghttp2_session*, int32_t id, uint32_t code, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    if (Stream* stream = transport.Find(id); stream != nullptr)
      transport.Retire(*stream, stream->CloseReason(code));
    return 0;
  }
};

void Transport::AddReceiveCallbacks(nghttp2_session_callbacks* callbacks) {
  using R = ReceiveCallbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, R::OnBeginFrame);
  nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, R::IgnoreExtension);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, R::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, R::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, R::OnDataChunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, R::OnFrame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, R::OnInvalidFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, R::OnStreamClose);
}

void Transport::OnReadable() {
  base::Time now = loop().Now();
  const base::Time end = now + ReadPace::kTurn;
  while (now < end) {
    if (state_ != State::kOpen) return;
    const std::span<uint8_t> space(loop().read_batch(), read_pace_.batch());
    const net::Socket::Result result = socket_->Read(space);
    switch (result.kind) {
      case net::Socket::Result::kOk:
        Receive(space.first(result.bytes));
        if (result.bytes >= ReadPace::kLeast) {  // the clock, too, costs time
          const base::Time before = std::exchange(now, base::Clock::now());
          read_pace_.OnBatch(result.bytes, now - before);
        }
        if (result.bytes == space.size()) break;
        [[fallthrough]];  // a short read mostly emptied the socket; if not, it says so at once
      case net::Socket::Result::kWouldBlock:
        socket_->WaitReadable([this] { OnReadable(); });
        return;
      case net::Socket::Result::kEnd:
        Fail(absl::UnavailableError(going_away_.empty() ? "peer closed the connection"
                                                        : going_away_),
             NGHTTP2_NO_ERROR);
        return;
      case net::Socket::Result::kError: Fail(ReadError(socket_->error()), NGHTTP2_NO_ERROR); return;
    }
  }
  Post([this] { OnReadable(); });
}

void Transport::Receive(std::span<const uint8_t> bytes) {
  counters_.bytes_received += bytes.size();
  heard_at_ = loop().Now();
  const ssize_t taken = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  // While the bytes are still there: whoever was handed some writes them out.
  loop().sinks().Run();
  if (taken < 0) {
    Fail(absl::InternalError(std::string("peer broke http/2: ") +
                             nghttp2_strerror(static_cast<int>(taken))),
         NGHTTP2_PROTOCOL_ERROR);
  } else if (blocked_ && nghttp2_session_get_outbound_queue_size(session_) > kMaxWaitingFrames) {
    Fail(absl::ResourceExhaustedError("peer asks for answers that it does not read"),
         NGHTTP2_ENHANCE_YOUR_CALM);
  } else if (blocked_) {
    TellWaiting();  // its frames may have left answers behind
  }
  RequestFlush();
}

void Transport::Charge(const char* what, double cost) {
  ++counters_.frames_charged;
  if (budget_.Charge(cost, loop().Now())) return;
  Fail(absl::ResourceExhaustedError(std::string("peer is over its budget of control frames: ") +
                                    what),
       NGHTTP2_ENHANCE_YOUR_CALM);
}

}  // namespace hawser::h2
