#include "lib/tunnel/dialed_session.h"

#include <utility>

namespace hawser::tunnel {

absl::Status DialedSession::OnDialPacket(const wire::Packet& packet) {
  switch (packet.type()) {
    case wire::DIAL_REQ: return OnRequest(packet.dial_request());
    case wire::DIAL_CLS: return OnGivenUp(packet.close_dial().random());
    case wire::DRAIN:
      OnDrain();  // of our hubs; in Konnectivity only dialled sides drain
      return ChargeLate(0);
    default: return ProtocolError("DIAL_RSP from a side that dials");
  }
}

absl::Status DialedSession::OnRequest(const wire::DialRequest& request) {
  const int64_t dial_id = request.random();
  // No answer: it could wait for a peer that does not read, and so could the next ones.
  if (options().one_connection && std::exchange(dialled_, true))
    return ProtocolError("a second dial on a stream for one");
  if (request.early().size() > kMaxEarly) return ProtocolError("more than 16 KiB of first bytes");
  const auto reject = [&](Reason reason, const std::string& text) {
    const Failure failure{reason, Hop::kUnknown, text};
    Answer(dial_id, 0, &failure);
    return absl::OkStatus();
  };
  // Konnectivity's servers pass on what their clients chose: no reason to end everybody's session.
  if (pending_.contains(dial_id))
    return reject(Reason::kProtocolError, "dial id " + std::to_string(dial_id) + " is in use");
  if (pending_.size() >= options().max_pending_dials)
    return reject(Reason::kOverloaded, "too many dials are pending");
  if (connection_count() >= options().max_connections)
    return reject(Reason::kOverloaded, "too many connections are open");
  // A server of Konnectivity's passes on what it does not know: its client will send them again.
  pending_.emplace(dial_id, features().early ? request.early() : "");
  // The same of the number: behind such a server a client could pass for another.
  OnDial({dial_id, request.protocol(), request.address(), features().any() ? request.client() : 0});
  return absl::OkStatus();
}

absl::Status DialedSession::OnGivenUp(int64_t dial_id) {
  if (pending_.erase(dial_id) == 0) return ChargeLate(0);
  // A hub of ours holds the dial's place until it is heard that nothing comes of it.
  if (features().any() && !options().one_connection) {
    const Failure cancelled{Reason::kCancelled, Hop::kUnknown, "given up"};
    Answer(dial_id, 0, &cancelled);
  }
  OnDialCancelled(dial_id);
  return absl::OkStatus();
}

void DialedSession::AcceptDial(int64_t dial_id, std::shared_ptr<Endpoint> endpoint,
                               std::shared_ptr<MemoryBudget> memory) {
  auto node = pending_.extract(dial_id);
  if (node.empty()) {
    const Failure cancelled{Reason::kCancelled, Hop::kUnknown, "nobody waits for it any more"};
    endpoint->OnClosed(&cancelled);
    return;
  }
  const int64_t id = ++last_id_;
  Answer(dial_id, id, nullptr);
  if (memory == nullptr) memory = options().memory;
  Connection& connection = AddConnection(id, std::move(endpoint), 0, std::move(memory));
  DeliverEarly(connection, node.mapped());
}

std::string DialedSession::TakeEarly(int64_t dial_id) {
  const auto found = pending_.find(dial_id);
  if (found == pending_.end()) return {};
  mutable_counters().bytes_from_peer += found->second.size();
  return std::exchange(found->second, {});
}

void DialedSession::RejectDial(int64_t dial_id, const Failure& failure) {
  if (pending_.erase(dial_id) > 0) Answer(dial_id, 0, &failure);
}

void DialedSession::Answer(int64_t dial_id, int64_t connection_id, const Failure* failure) {
  wire::Packet packet;
  packet.set_type(wire::DIAL_RSP);
  wire::DialResponse& answer = *packet.mutable_dial_response();
  answer.set_random(dial_id);
  answer.set_connect_id(connection_id);
  if (failure != nullptr) {
    answer.set_error(failure->text.empty() ? ReasonName(failure->reason) : WireText(failure->text));
    if (features().reason) {
      answer.set_reason(static_cast<wire::Reason>(failure->reason));
      answer.set_hop(static_cast<wire::Hop>(failure->hop));
    }
  }
  SendPacket(packet);
  AllowLate(0);  // a DIAL_CLS that crosses it
}

Failure DialedSession::LostFailure(const absl::Status& status) const {
  return {Reason::kReset, Hop::kHub, "the session ended: " + std::string(status.message())};
}

bool DialedSession::EndSome(const absl::Status& status) {
  for (size_t left = kEndSlice; left > 0 && !pending_.empty(); --left)
    OnDialCancelled(pending_.extract(pending_.begin()).key());
  return pending_.empty() && Session::EndSome(status);
}

}  // namespace hawser::tunnel
