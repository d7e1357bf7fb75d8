// A transport's way out: handlers, nghttp2, one contiguous batch of frames, socket.
#include <glog/logging.h>
#include <nghttp2/nghttp2.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/h2/stream.h"
#include "lib/h2/transport.h"

namespace hawser::h2 {
namespace {

// Batches that one turn sends at most, so that one peer cannot hold the loop.
constexpr int kBatchesPerTurn = 4;
constexpr size_t kFrameHeader = 9;
// What is sent at a time, however slow the link.
constexpr size_t kSmallestBatch = 16 * 1024;
// So many senders have their turn in a batch, if it is large enough.
constexpr size_t kTurnsPerBatch = 4;
// A batch with less room than that is full.
constexpr size_t kMinRoom = kFrameHeader + net::MessageStream::kMinBatch;
// What a frame without a payload takes while it waits in nghttp2, its allocation included.
constexpr size_t kMemoryOfFrame = 256;

size_t MemoryOf(std::span<const nghttp2_nv> fields) {
  size_t bytes = 0;
  for (const nghttp2_nv& field : fields) bytes += sizeof field + field.namelen + field.valuelen;
  return bytes;
}

// The fields as nghttp2 takes them; refers to `fields`. nghttp2 copies, and lowers names.
std::vector<nghttp2_nv> NameValues(const net::Metadata& fields) {
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(fields.entries().size());
  for (const auto& [name, value] : fields.entries()) {
    pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return pairs;
}

uint8_t* PutBigEndian(uint8_t* out, uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    *out++ = static_cast<uint8_t>(value >> shift);
  return out;
}

}  // namespace

// nghttp2 calls these from SendBatch().
struct Transport::SendCallbacks {
  // Everything but DATA: control frames and headers.
  static ssize_t OnSend(nghttp2_session*, const uint8_t* data, size_t size, int, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    const size_t taken = std::min(size, transport.batch_.size());
    if (taken == 0) {
      transport.batch_full_ = true;
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    std::memcpy(transport.batch_.data(), data, taken);
    transport.batch_ = transport.batch_.subspan(taken);
    return static_cast<ssize_t>(taken);
  }

  // Has the stream's handler write its messages where they will stand in the batch: behind the
  // frame header that OnSendData() puts in front. Done here, ahead of ReadData(), because nghttp2
  // grows a buffer of its own to the size returned, which it then does not use: an idle connection
  // shall not pay for the frames that it might send.
  static ssize_t FrameSize(nghttp2_session*, uint8_t, int32_t id, int32_t connection_window,
                           int32_t stream_window, uint32_t max_frame, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    transport.batch_full_ = transport.batch_.size() < kMinRoom;
    Stream* const stream = transport.Find(id);
    if (transport.batch_full_ || stream == nullptr) return 1;
    const std::span<uint8_t> space = transport.batch_.subspan(kFrameHeader);
    const auto window = static_cast<size_t>(std::min(connection_window, stream_window));
    const size_t allowed = std::min({window, size_t{max_frame}, space.size()});
    return static_cast<ssize_t>(std::max<size_t>(stream->Fill(space, allowed).bytes, 1));
  }

  // Called right after FrameSize().
  static ssize_t ReadData(nghttp2_session*, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                          nghttp2_data_source*, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    if (transport.batch_full_) return NGHTTP2_ERR_PAUSE;
    Stream* const stream = transport.Find(id);
    if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;
    switch (stream->filled().kind) {
      case Stream::Filled::kBytes:
        CHECK_LE(stream->filled().bytes, length);
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        return static_cast<ssize_t>(stream->filled().bytes);
      case Stream::Filled::kEnd:
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY | NGHTTP2_DATA_FLAG_EOF;
        if (transport.server()) {
          *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
          transport.SubmitTrailers(*stream);
        }
        return 0;
      case Stream::Filled::kNothing: break;
    }
    return NGHTTP2_ERR_DEFERRED;
  }

  static constexpr nghttp2_data_provider kData = {{}, ReadData};

  static int OnSendData(nghttp2_session*, nghttp2_frame*, const uint8_t* header, size_t length,
                        nghttp2_data_source*, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    std::memcpy(transport.batch_.data(), header, kFrameHeader);
    transport.batch_ = transport.batch_.subspan(kFrameHeader + length);
    return 0;
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    const int32_t id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0) transport.budget_.OnDataFrameSent();
    if (frame->hd.type == NGHTTP2_HEADERS) OnHeadersDone(transport, frame->headers);
    if (frame->hd.type == NGHTTP2_RST_STREAM) OnResetSent(transport, frame->rst_stream.error_code);
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
      OnProtocolError(transport, frame->goaway);
    const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (may_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      if (Stream* stream = transport.Find(id); stream != nullptr) stream->OnLocalEnd();
      // The call is over; a client that still has its side open is told to stop.
      if (transport.server() && nghttp2_session_get_stream_remote_close(session, id) == 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static void OnHeadersDone(Transport& transport, const nghttp2_headers& headers) {
    transport.fields_waiting_ -=
        std::min(transport.fields_waiting_, MemoryOf({headers.nva, headers.nvlen}));
  }

  // nghttp2 resets a stream for errors that cost the peer its connection here. The codes that we
  // use ourselves, and those for streams over the limit and late frames, are none.
  static void OnResetSent(Transport& transport, uint32_t code) {
    if (code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL || code == NGHTTP2_REFUSED_STREAM ||
        code == NGHTTP2_STREAM_CLOSED)
      return;
    transport.Fail(
        absl::InternalError(std::string("peer broke http/2: ") + nghttp2_http2_strerror(code)),
        code);
  }

  // nghttp2 found the peer breaking HTTP/2 and said so.
  static void OnProtocolError(Transport& transport, const nghttp2_goaway& goaway) {
    transport.failure_ = absl::InternalError(
        std::string("peer broke http/2: ") + nghttp2_http2_strerror(goaway.error_code) + ": " +
        std::string(reinterpret_cast<const char*>(goaway.opaque_data), goaway.opaque_data_len));
  }

  static int OnFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    auto& transport = *static_cast<Transport*>(user);
    Stream* stream = transport.Find(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) OnHeadersDone(transport, frame->headers);
    if (frame->hd.type == NGHTTP2_HEADERS && stream != nullptr) {
      transport.Retire(*stream, absl::UnavailableError(std::string("call could not be sent: ") +
                                                       nghttp2_strerror(error)));
    }
    return 0;
  }
};

void Transport::AddSendCallbacks(nghttp2_session_callbacks* callbacks) {
  using S = SendCallbacks;
  nghttp2_session_callbacks_set_send_callback(callbacks, S::OnSend);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, S::FrameSize);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, S::OnSendData);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, S::OnFrameSent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, S::OnFrameNotSent);
}

int32_t Transport::SubmitRequest(const net::Metadata& fields) {
  const std::vector<nghttp2_nv> pairs = NameValues(fields);
  fields_waiting_ += MemoryOf(pairs);
  RequestFlush();
  return nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                &SendCallbacks::kData, nullptr);
}

void Transport::SubmitResponse(int32_t id, const net::Metadata& fields, bool has_data) {
  const std::vector<nghttp2_nv> pairs = NameValues(fields);
  fields_waiting_ += MemoryOf(pairs);
  RequestFlush();
  nghttp2_submit_response(session_, id, pairs.data(), pairs.size(),
                          has_data ? &SendCallbacks::kData : nullptr);
}

void Transport::SubmitTrailers(const Stream& stream) {
  const net::Metadata fields = stream.Trailers();
  const std::vector<nghttp2_nv> pairs = NameValues(fields);
  fields_waiting_ += MemoryOf(pairs);
  nghttp2_submit_trailer(session_, stream.id(), pairs.data(), pairs.size());
}

void Transport::Flush() {
  if (state_ == State::kClosing) {
    SayGoAway();
    Shut();
  }
  if (state_ == State::kClosed) return;
  for (const int32_t id : std::exchange(woken_, {}))
    if (Stream* stream = Find(id); stream != nullptr) stream->OnWoken();
  for (int batches = 0; !blocked_ && state_ == State::kOpen && SendBatch(); ++batches) {
    if (batches + 1 == kBatchesPerTurn) {
      Post([this] { RequestFlush(); });
      return;
    }
  }
  const bool done = nghttp2_session_want_read(session_) == 0 &&
                    (blocked_ || nghttp2_session_want_write(session_) == 0);
  if (done) OnSessionEnd();
}

// Sends what fits one batch. Returns whether there is more.
bool Transport::SendBatch() {
  const std::span<uint8_t> batch(
      loop().write_batch(),
      std::clamp(socket_->batch(), kSmallestBatch, size_t{net::EventLoop::kWriteBatch}));
  batch_ = batch;
  turn_ = std::max(batch.size() / kTurnsPerBatch, net::MessageBatch::kShortestTurn);
  batch_full_ = false;
  const int error = nghttp2_session_send(session_);
  const size_t size = batch.size() - batch_.size();
  batch_ = {};
  if (error != 0) {
    Fail(absl::InternalError(std::string("http/2: ") + nghttp2_strerror(error)),
         NGHTTP2_INTERNAL_ERROR);
    return false;
  }
  counters_.bytes_sent += size;
  if (size > 0) Write(batch.first(size));
  return batch_full_;
}

void Transport::Write(std::span<const uint8_t> bytes) {
  const iovec vector = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const net::Socket::Result result = socket_->Write({&vector, 1});
  if (result.kind == net::Socket::Result::kError) {
    Fail(absl::UnavailableError("connection lost: " + std::string(socket_->error().message())),
         NGHTTP2_NO_ERROR);
    return;
  }
  const size_t taken = result.kind == net::Socket::Result::kOk ? result.bytes : 0;
  unsent_.assign(bytes.begin() + static_cast<ptrdiff_t>(taken), bytes.end());
  if (unsent_.empty() && socket_->written()) return;
  blocked_ = true;
  bytes_waiting_ = unsent_.capacity() + socket_->unwritten();
  socket_->WaitWritable([this] { OnWritable(); });
  TellWaiting();
}

void Transport::TellWaiting() {
  if (options_.waiting == nullptr) return;
  size_t bytes = 0;
  if (blocked_) {
    bytes = bytes_waiting_ + fields_waiting_ +
            nghttp2_session_get_outbound_queue_size(session_) * kMemoryOfFrame;
  }
  if (options_.waiting(bytes)) return;
  Fail(absl::ResourceExhaustedError("too many bytes wait for a peer that does not read"),
       NGHTTP2_ENHANCE_YOUR_CALM);
}

void Transport::OnWritable() {
  if (state_ != State::kOpen) return;
  blocked_ = false;
  bytes_waiting_ = 0;
  TellWaiting();
  if (const std::vector<uint8_t> unsent = std::exchange(unsent_, {}); !unsent.empty())
    Write(unsent);
  RequestFlush();
}

// Best effort: a peer that does not read will not hear it.
void Transport::SayGoAway() {
  const bool introduced = counters_.bytes_sent > 0;
  if (blocked_ || !introduced) return;
  constexpr size_t kMaxText = 200;
  const std::string text =
      goaway_code_ == NGHTTP2_NO_ERROR ? "" : std::string(failure_.message()).substr(0, kMaxText);
  constexpr size_t kFixed = 8;
  std::array<uint8_t, kFrameHeader + kFixed + kMaxText> frame;
  uint8_t* end = PutBigEndian(frame.data(), kFixed + static_cast<uint32_t>(text.size()), 3);
  *end++ = NGHTTP2_GOAWAY;
  *end++ = NGHTTP2_FLAG_NONE;
  end = PutBigEndian(end, 0, 4);
  const int32_t last = nghttp2_session_get_last_proc_stream_id(session_);
  end = PutBigEndian(end, static_cast<uint32_t>(last), 4);
  end = PutBigEndian(end, goaway_code_, 4);
  std::memcpy(end, text.data(), text.size());
  const iovec vector = {frame.data(), static_cast<size_t>(end - frame.data()) + text.size()};
  socket_->Write({&vector, 1});
}

}  // namespace hawser::h2
