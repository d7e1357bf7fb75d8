// How connections end; see session.h.
#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/base/slice.h"
#include "lib/tunnel/session.h"

namespace hawser::tunnel {
namespace {

// Konnectivity's agents drop what they have not written to the target when they are told to close.
// So they have time for what they may have of it, bytes, and for the way.
constexpr uint64_t kMostUnwritten = 4'000'000;
constexpr uint64_t kWrittenPerMillisecond = 1000;
constexpr base::Duration kPlainCloseDelay = std::chrono::milliseconds(500);

}  // namespace

bool Session::EndSome(const absl::Status& status) {
  const Failure lost = LostFailure(status);
  for (size_t left = kEndSlice; left > 0 && connection_count() > 0; --left) {
    if (!ending_.empty()) {
      TellNextEnd();
    } else {
      End(*connections_.begin()->second, &lost);
    }
  }
  return connection_count() == 0;
}

std::unique_ptr<Connection> Session::Extract(Connection& connection) {
  connection.ended_ = true;
  ready_.Remove(connection);
  grants_.Remove(connection);
  watched_.Remove(connection);
  if (last_found_ == &connection) last_found_ = nullptr;
  Unhold(connection, connection.withheld_);
  // What may still be on its way: a window, or all that a stream of a plain peer can hold.
  late_budget_ += features_.window ? connection.window_.size() : 16 * 1024 * 1024;
  Promise(connection.memory_.get(), -Growth(connection));
  return std::move(connections_.extract(connection.id_).mapped());
}

void Session::End(Connection& connection, const Failure* failure) {
  if (!connection.ended_) TellEnd(Extract(connection), failure);
}

// An end takes some system calls.
void Session::EndByPeer(Connection& connection, const Failure* failure) {
  if (ending_.empty() && ended_.size() < kEndSlice) {
    End(connection, failure);
  } else if (!connection.ended_) {
    if (ending_.empty()) TellEndsLater();
    ending_.push_back(Extract(connection));
    if (failure != nullptr) connection.failure_ = std::make_unique<Failure>(*failure);
  }
}

void Session::TellEnd(std::unique_ptr<Connection> connection, const Failure* failure) {
  Connection& ended = *ended_.emplace_back(std::move(connection));
  bury_->RequestOn(stream_->scheduler().flushes());
  ended.endpoint_->OnClosed(failure);
  OnConnectionEnded(ended);
}

void Session::TellNextEnd() {
  std::unique_ptr<Connection> next = std::move(ending_.front());
  ending_.pop_front();
  const std::unique_ptr<Failure> failure = std::move(next->failure_);
  TellEnd(std::move(next), failure.get());
}

void Session::TellEnds() {
  const base::Slice slice;
  while (!ending_.empty() && !slice.over()) TellNextEnd();
  if (!ending_.empty()) TellEndsLater();
}

void Session::TellEndsLater() {
  stream_->scheduler().Post([this, alive = std::weak_ptr<void>(alive_)] {
    if (!alive.expired()) TellEnds();
  });
}

void Session::CloseByUs(Connection& connection, const Failure* failure) {
  if (connection.ended_) {
    // Its endpoint may not know yet of an end in order, which is none any more.
    if (failure != nullptr) connection.failure_ = std::make_unique<Failure>(*failure);
    return;
  }
  const bool plain_agent = !features_.fin && close_type() == wire::CLOSE_REQ;
  if (failure == nullptr && plain_agent && connection.bytes_sent_ > 0) {
    SendCloseLater(connection);
  } else {
    SendClose(connection.id_, failure);
  }
  End(connection, failure);
}

void Session::SendClose(int64_t id, const Failure* failure) {
  wire::Packet packet;
  packet.set_type(close_type());
  const auto fill = [&](auto& close) {
    close.set_connect_id(id);
    if (failure == nullptr || !features_.reason) return;
    close.set_reason(static_cast<wire::Reason>(failure->reason));
    close.set_hop(static_cast<wire::Hop>(failure->hop));
  };
  if (close_type() == wire::CLOSE_REQ) {
    fill(*packet.mutable_close_request());
  } else {
    fill(*packet.mutable_close_response());
    if (failure != nullptr) packet.mutable_close_response()->set_error(WireText(failure->text));
  }
  SendPacket(packet);
}

void Session::SendCloseLater(const Connection& connection) {
  const uint64_t unwritten = std::min(connection.bytes_sent_, kMostUnwritten);
  const base::Time due = stream_->scheduler().Now() + kPlainCloseDelay +
                         std::chrono::milliseconds(unwritten / kWrittenPerMillisecond);
  unclosed_[connection.id_] = {.due = due};
  closes_.emplace(due, connection.id_);
  SendClosesDue();
}

void Session::NeedsNoClose(int64_t id) {
  if (unclosed_.erase(id) > 0 && unclosed_.empty()) OnClosesSent();
}

void Session::SendClosesDue() {
  const base::Time now = stream_->scheduler().Now();
  for (; !closes_.empty() && closes_.begin()->first <= now; closes_.erase(closes_.begin())) {
    const auto [due, id] = *closes_.begin();
    const auto unclosed = unclosed_.find(id);
    // The agent may have used the id again.
    if (unclosed == unclosed_.end() || unclosed->second.due != due) continue;
    SendClose(id, nullptr);
    NeedsNoClose(id);
  }
  if (!closes_.empty()) close_->Set(closes_.begin()->first - now, [this] { SendClosesDue(); });
}

}  // namespace hawser::tunnel
