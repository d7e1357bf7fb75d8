#include "lib/h2/stream.h"

#include <glog/logging.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/h2/transport.h"

namespace hawser::h2 {
namespace {

constexpr char kContentType[] = "application/grpc";
// Of a stream that broke the protocol, in unproductive frames: it was opened, asked for work and
// kept others waiting for that. Only the client that goes on doing so loses its connection.
constexpr double kBreachCost = 100;

net::Metadata ResponseFields() {
  net::Metadata fields;
  fields.Add(":status", "200");
  fields.Add("content-type", kContentType);
  return fields;
}

}  // namespace

Stream::Stream(Transport& transport, int32_t id, std::unique_ptr<net::StreamHandler> handler)
    : transport_(transport),
      id_(id),
      opened_at_(transport.loop().Now()),
      handler_(std::move(handler)),
      deframer_(transport.options_.max_message) {}

Stream::~Stream() = default;

base::Scheduler& Stream::scheduler() { return transport_.loop(); }

base::Duration Stream::RoundTrip() const { return transport_.RoundTrip(); }

base::Duration Stream::LeastRoundTrip() const { return transport_.LeastRoundTrip(); }

bool Stream::deaf() const { return retired_ || transport_.state_ != Transport::State::kOpen; }

void Stream::SendHeaders(const net::Metadata& headers) {
  // The deadline may have answered already.
  if (deaf() || responded_) return;
  responded_ = true;
  net::Metadata fields = ResponseFields();
  for (const auto& [name, value] : headers.entries()) fields.Add(name, value);
  transport_.SubmitResponse(id_, fields, /*has_data=*/true);
}

void Stream::Wake() {
  if (!deaf()) transport_.WakeStream(*this);
}

// What handlers withhold and release depends on what peers send: a mistake there may cost the peer
// its connection, but not everybody else theirs.
void Stream::Withhold(size_t bytes) {
  if (bytes > handed_over_) {
    LOG(DFATAL) << "withheld more than was handed over";
    Abort(absl::InternalError("flow control lost count of withheld bytes"));
    return;
  }
  handed_over_ -= bytes;
  withheld_ += bytes;
}

void Stream::Release(size_t bytes) {
  if (bytes > withheld_) {
    LOG(DFATAL) << "released more than was withheld";
    Abort(absl::InternalError("flow control lost count of released bytes"));
    return;
  }
  withheld_ -= bytes;
  if (!deaf()) transport_.ReturnWindow(*this, bytes);
}

void Stream::SetWindow(size_t bytes) {
  if (!deaf()) transport_.SetWindow(*this, bytes);
}

void Stream::Finish(const absl::Status& status) {
  if (deaf() || finished_) return;
  finished_ = true;
  result_ = status;
  if (!transport_.server() || responded_) {
    Wake();
    return;
  }
  responded_ = true;
  net::Metadata fields = ResponseFields();
  AddStatus(status, fields);
  transport_.SubmitResponse(id_, fields, /*has_data=*/false);
}

void Stream::Reset() {
  if (deaf()) return;
  // Each costs more than the request that led to it.
  if (transport_.server()) transport_.Charge("request that had to be reset");
  if (deaf()) return;
  transport_.ResetStream(*this, NGHTTP2_CANCEL, absl::CancelledError("stream reset by this side"));
}

void Stream::Abort(const absl::Status& reason) {
  if (deaf()) return;
  if (!transport_.spares_other_streams()) {
    transport_.Fail(reason, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  const bool breach = absl::IsInvalidArgument(reason);  // no shortage, and no fault of ours
  transport_.Charge("stream that had to be reset", breach ? kBreachCost : 1);
  if (!deaf()) transport_.ResetStream(*this, NGHTTP2_CANCEL, reason);
}

void Stream::Open(const net::Metadata& headers, std::optional<base::Duration> timeout) {
  if (timeout.has_value()) {
    deadline_ = std::make_unique<base::Timer>(scheduler());
    deadline_->Set(*timeout, [this] { OnDeadline(); });
  }
  handler_->OnOpen(*this, headers);
}

void Stream::OnDeadline() {
  const absl::Status status = absl::DeadlineExceededError("the call's deadline passed");
  const bool stuck = finished_ || !transport_.HasSendWindow(id_);
  expired_ = true;
  stash_ = {};
  if (responded_ && stuck) {
    // Trailers come after data, and data waits for the peer's window.
    transport_.ResetStream(*this, NGHTTP2_CANCEL, status);
  } else {
    Finish(status);
  }
}

void Stream::OnHeaderBlock(const HeaderBlock& block, bool end_stream) {
  if (deaf()) return;
  if (end_stream) {
    EndOfRemote(transport_.server() ? absl::OkStatus() : CallStatus(block));
  } else if (!transport_.server() && !responded_) {
    OnResponse(block);
  }
}

void Stream::OnResponse(const HeaderBlock& block) {
  if (block.status.starts_with('1')) return;  // informational, the real one follows
  if (block.status == "200" && IsGrpcContentType(block.metadata.Get("content-type"))) {
    responded_ = true;
    handler_->OnHeaders(block.metadata);
    return;
  }
  const absl::Status status =
      block.status == "200" ? absl::UnknownError("server's answer is not gRPC") : CallStatus(block);
  handler_->OnRemoteEnd(status);
  if (!deaf()) transport_.ResetStream(*this, NGHTTP2_CANCEL, status);
}

size_t Stream::OnData(std::span<const uint8_t> bytes) {
  if (deaf()) return bytes.size();
  if (!transport_.server() && !responded_) {
    transport_.Fail(absl::InternalError("peer sent data before its response headers"),
                    NGHTTP2_PROTOCOL_ERROR);
    return bytes.size();
  }
  handed_over_ = bytes.size();
  const absl::Status status = deframer_.Feed(bytes, *this);
  if (!status.ok() && !deaf()) Abort(status);
  return std::exchange(handed_over_, 0);
}

// A frame may hold thousands of messages: nobody looks at those behind the one that ended the
// stream.
absl::Status Stream::OnMessageStart(size_t size) {
  return deaf() ? absl::CancelledError() : handler_->OnMessageStart(size);
}

absl::Status Stream::OnMessageBytes(std::span<const uint8_t> bytes) {
  return deaf() ? absl::CancelledError() : handler_->OnMessageBytes(bytes);
}

void Stream::OnEndOfData() {
  if (deaf()) return;
  EndOfRemote(transport_.server() ? absl::OkStatus()
                                  : absl::UnknownError("server ended the call without a status"));
}

void Stream::EndOfRemote(const absl::Status& status) {
  if (status.ok() && !deframer_.at_message_end()) {
    Abort(absl::InvalidArgumentError("peer ended a stream within a message"));
    return;
  }
  handler_->OnRemoteEnd(status);
  if (transport_.server() || deaf()) return;
  // The call is over, whatever we still had to say.
  if (local_end_) {
    transport_.Retire(*this, status);
  } else {
    transport_.ResetStream(*this, NGHTTP2_NO_ERROR, status);
  }
}

const Stream::Filled& Stream::Fill(std::span<uint8_t> space, size_t allowed) {
  size_t bytes = 0;
  if (!deaf()) bytes = stash_.empty() ? Produce(space, allowed) : Unstash(space, allowed);
  // Produce() may have reset the stream.
  if (deaf()) {
    filled_ = {Filled::kNothing};
  } else if (bytes > 0) {
    filled_ = {Filled::kBytes, bytes};
  } else {
    filled_ = {finished_ ? Filled::kEnd : Filled::kNothing};
  }
  idle_ = filled_.kind == Filled::kNothing;
  return filled_;
}

size_t Stream::Produce(std::span<uint8_t> space, size_t allowed) {
  if (expired_) return 0;
  net::MessageBatch batch(space.data(), std::max(allowed, kMinBatch), transport_.turn());
  handler_->Produce(batch);
  const size_t taken = std::min(batch.size(), allowed);
  stash_.assign(space.data() + taken, space.data() + batch.size());
  return taken;
}

size_t Stream::Unstash(std::span<uint8_t> space, size_t allowed) {
  const size_t taken = std::min(stash_.size(), allowed);
  std::memcpy(space.data(), stash_.data(), taken);
  stash_.erase(stash_.begin(), stash_.begin() + static_cast<ptrdiff_t>(taken));
  if (stash_.empty()) stash_ = {};
  return taken;
}

void Stream::OnWoken() {
  woken = false;
  if (!idle_ || deaf()) return;
  idle_ = false;
  transport_.ResumeData(id_);
}

net::Metadata Stream::Trailers() const {
  net::Metadata fields;
  AddStatus(result_, fields);
  return fields;
}

absl::Status Stream::CloseReason(uint32_t http2_code) const {
  if (expired_) return result_;
  if (transport_.server() && finished_ && local_end_) return absl::OkStatus();
  return ResetStatus(http2_code);
}

void Stream::Retire(const absl::Status& status) {
  retired_ = true;
  result_ = status;
  stash_ = {};
  deadline_.reset();
}

bool Stream::Close() {
  if (!handler_->EndSome(result_)) return false;
  handler_->OnClosed(result_);
  handler_.reset();
  return true;
}

}  // namespace hawser::h2
