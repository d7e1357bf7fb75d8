// The streams of a transport: opening, accepting, refusing, ending them.
#include <glog/logging.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/slice.h"
#include "lib/h2/stream.h"
#include "lib/h2/transport.h"

namespace hawser::h2 {
namespace {

// Bytes of a stream's window that are returned at once where others wait for them.
constexpr int32_t kReturnStep = 16 * 1024;
// Of a window as large as that, which is for a long way, an eighth is returned at a time: a sender
// that has to wait for half of it has only the other half on its way.
constexpr size_t kLongWindow = 1024 * 1024;

// What is worth an update, bytes; SIZE_MAX: as nghttp2 does it, half of the window.
size_t ReturnStep(size_t window) { return window < kLongWindow ? SIZE_MAX : window / 8; }

net::Metadata HttpError(const std::string& status) {
  net::Metadata fields;
  fields.Add(":status", status);
  return fields;
}

net::Metadata TrailersOnly(const absl::Status& status) {
  net::Metadata fields;
  fields.Add(":status", "200");
  fields.Add("content-type", "application/grpc");
  AddStatus(status, fields);
  return fields;
}

}  // namespace

absl::Status Transport::OpenStream(const std::string& path, const std::string& authority,
                                   const net::Metadata& headers,
                                   std::unique_ptr<net::StreamHandler> handler) {
  if (state_ != State::kOpen || !going_away_.empty())
    return absl::UnavailableError("open " + path + ": connection is closing");
  if (streams_available() == 0)
    return absl::ResourceExhaustedError("open " + path + ": peer takes no more streams");
  net::Metadata fields;
  fields.Add(":method", "POST");
  fields.Add(":scheme", socket_->peer().certificate != nullptr ? "https" : "http");
  fields.Add(":path", path);
  fields.Add(":authority", authority);
  fields.Add("content-type", "application/grpc");
  fields.Add("te", "trailers");
  fields.Add("user-agent", "hawser");
  for (const auto& [name, value] : headers.entries()) fields.Add(name, value);
  const int32_t id = SubmitRequest(fields);
  if (id < 0) return absl::UnavailableError("open " + path + ": " + nghttp2_strerror(id));
  AddStream(id, std::move(handler)).Open({}, std::nullopt);
  return absl::OkStatus();
}

size_t Transport::streams_available() const {
  if (state_ != State::kOpen || !going_away_.empty() || server()) return 0;
  const size_t limit =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return limit > streams_.size() ? limit - streams_.size() : 0;
}

Stream* Transport::Find(int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

Stream& Transport::AddStream(int32_t id, std::unique_ptr<net::StreamHandler> handler) {
  ++counters_.streams;
  auto& stream = streams_[id];
  stream = std::make_unique<Stream>(*this, id, std::move(handler));
  stream->return_step = ReturnStep(options_.stream_window);
  return *stream;
}

void Transport::Retire(Stream& stream, const absl::Status& status) {
  stream.Retire(status);
  if (!std::exchange(burying_, true)) Post([this] { Bury(); });
  const auto found = streams_.find(stream.id());
  retired_.push_back(std::move(found->second));
  streams_.erase(found);
}

// What ends takes system calls: a thousand of them in one turn would be felt by everybody else.
void Transport::Bury() {
  const base::Slice slice;
  while (!retired_.empty() && !slice.over()) BuryNext();
  burying_ = !retired_.empty();
  if (burying_) {
    Post([this] { Bury(); });
  } else if (lost_) {
    Closed closed = std::move(closed_);
    closed(absl::Status(failure_));  // may destroy this
  }
}

void Transport::BuryNext() {
  std::unique_ptr<Stream> stream = std::move(retired_.front());
  retired_.pop_front();
  if (!stream->Close()) retired_.push_back(std::move(stream));
}

void Transport::OnRequest(int32_t id, bool end_stream) {
  const HeaderBlock request = std::move(block_);
  const net::Metadata& headers = request.metadata;
  if (request.method != "POST") return Refuse(id, HttpError("405"));
  if (!IsGrpcContentType(headers.Get("content-type"))) return Refuse(id, HttpError("415"));
  const std::string encoding = headers.Get("grpc-encoding");
  if (!encoding.empty() && encoding != "identity") {
    net::Metadata fields =
        TrailersOnly(absl::UnimplementedError("messages must not be compressed"));
    fields.Add("grpc-accept-encoding", "identity");
    return Refuse(id, fields);
  }
  std::optional<base::Duration> timeout;
  if (headers.Has("grpc-timeout")) {
    timeout = ParseTimeout(headers.Get("grpc-timeout"));
    if (!timeout.has_value())
      return Refuse(id, TrailersOnly(absl::InternalError("malformed grpc-timeout")));
  }
  std::unique_ptr<net::StreamHandler> handler = acceptor_(request.path, headers);
  if (handler == nullptr) {
    constexpr size_t kMaxPath = 100;
    return Refuse(id, TrailersOnly(absl::UnimplementedError("unknown method " +
                                                            request.path.substr(0, kMaxPath))));
  }
  // By turns with the other streams, one frame each, whatever the client asked for.
  const nghttp2_extpri by_turns = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, /*inc=*/1};
  nghttp2_session_change_extpri_stream_priority(session_, id, &by_turns,
                                                /*ignore_client_signal=*/1);
  Stream& stream = AddStream(id, std::move(handler));
  stream.Open(headers, timeout);
  if (end_stream) stream.OnEndOfData();
}

void Transport::Refuse(int32_t id, const net::Metadata& fields) {
  Charge("refused request");
  SubmitResponse(id, fields, /*has_data=*/false);
}

void Transport::ResetStream(Stream& stream, uint32_t code, const absl::Status& status) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id(), code);
  RequestFlush();
  Retire(stream, status);
}

void Transport::ResumeData(int32_t id) { nghttp2_session_resume_data(session_, id); }

void Transport::ReturnWindow(Stream& stream, size_t bytes) {
  Consume(stream, stream.reduction.Return(bytes));
}

void Transport::Consume(Stream& stream, size_t bytes) {
  stream.since_return = 0;
  nghttp2_session_consume_stream(session_, stream.id(), bytes);
  // nghttp2 returns half of the window at once, which may take a slow reader for ever, and what is
  // withheld on its account keeps everybody else on the stream waiting. Of a window that shrank it
  // might never be half.
  const auto kept = static_cast<int32_t>(stream.reduction.kept());
  const auto withheld = static_cast<int32_t>(stream.withheld());
  const int32_t quarter =
      (nghttp2_session_get_stream_effective_local_window_size(session_, stream.id()) - kept) / 4;
  const bool waited_for = withheld > quarter;
  const bool long_way = stream.return_step != SIZE_MAX;
  const int32_t unreturned =
      nghttp2_session_get_stream_effective_recv_data_length(session_, stream.id()) - withheld -
      kept;
  if ((waited_for || long_way || kept > 0) && unreturned > 0 &&
      unreturned >= (waited_for ? std::min(quarter, kReturnStep)
                     : long_way ? static_cast<int32_t>(stream.return_step)
                                : quarter))
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, stream.id(), unreturned);
  RequestFlush();
}

void Transport::SetWindow(Stream& stream, size_t bytes) {
  const int32_t now = nghttp2_session_get_stream_effective_local_window_size(session_, stream.id());
  if (now < 0) return;  // a request that is not sent yet
  stream.return_step = ReturnStep(bytes);
  const auto largest = static_cast<size_t>(now);
  const size_t size = largest - stream.reduction.size();
  if (bytes <= size) return stream.reduction.Shrink(size - bytes);
  const WindowReduction::Growth growth = stream.reduction.Grow(bytes - size);
  Consume(stream, growth.released);
  if (growth.beyond > 0)
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream.id(),
                                          static_cast<int32_t>(largest + growth.beyond));
}

bool Transport::HasSendWindow(int32_t id) const {
  return nghttp2_session_get_remote_window_size(session_) > 0 &&
         nghttp2_session_get_stream_remote_window_size(session_, id) > 0;
}

void Transport::WakeStream(Stream& stream) {
  if (stream.woken) return;
  stream.woken = true;
  woken_.push_back(stream.id());
  RequestFlush();
}

}  // namespace hawser::h2
