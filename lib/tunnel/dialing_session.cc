#include "lib/tunnel/dialing_session.h"

#include <glog/logging.h>

#include <cstdint>
#include <random>
#include <utility>

#include "lib/tunnel/client_number.h"

namespace hawser::tunnel {
namespace {

// Konnectivity's servers tell the dials of all their clients apart by ids that the clients choose.
// 62 bits: positive, and far from the end of the numbers.
int64_t RandomDialId() {
  std::random_device random;
  return static_cast<int64_t>((uint64_t{random()} << 30) ^ random());
}

// What the late answer to a dial that we gave up may cost, bytes.
constexpr size_t kLateAnswer = 1024;
// How long a dial that we gave up keeps its place when no answer to it comes. Our agents answer at
// once, Konnectivity's when the target has.
constexpr base::Duration kAnswerLimit = std::chrono::seconds(60);
// A peer that takes no request for so long will take none: longer than pings need to find out that
// nobody is there.
constexpr base::Duration kUntakenLimit = std::chrono::seconds(30);

}  // namespace

DialingSession::DialId DialingSession::StartDial(Dial dial, std::shared_ptr<Endpoint> endpoint,
                                                 DialDone done) {
  CHECK(stream() != nullptr) << "a dial on a session without a stream";
  CHECK_LE(dial.early.size(), kMaxEarlySent);
  if (last_dial_ == 0) last_dial_ = RandomDialId();
  const DialId id = ++last_dial_;
  const bool overloaded = pending_.size() >= options().max_pending_dials ||
                          connection_count() >= options().max_connections;
  Pending& pending = pending_[id];
  pending.endpoint = std::move(endpoint);
  pending.done = std::move(done);
  pending.target = dial.address;
  const uint64_t client = dial.client.empty() ? 0 : ClientNumber(dial.client);
  pending.client = std::move(dial.client);
  pending.memory = dial.memory != nullptr ? std::move(dial.memory) : options().memory;
  pending.early = dial.early.size();
  pending.deadline = std::make_unique<base::Timer>(stream()->scheduler());
  if (overloaded) {
    FailLater(id, {Reason::kOverloaded, Hop::kHub, "too many dials or connections of one agent"});
    return id;
  }
  pending.due = stream()->scheduler().Now() + dial.timeout;
  pending.deadline->Set(dial.timeout, [this, id] { OnDeadline(id); });
  wire::Packet packet;
  packet.set_type(wire::DIAL_REQ);
  wire::DialRequest& request = *packet.mutable_dial_request();
  request.set_protocol("tcp");
  request.set_address(WireText(dial.address));
  request.set_random(id);
  request.set_early(std::move(dial.early));
  if (features().any()) request.set_client(client);
  QueueRequest(id, pending, packet);
  return id;
}

void DialingSession::OnDeadline(DialId id) {
  const Pending& pending = pending_.at(id);
  if (!pending.asked) EndWhenNoneAreTaken();
  // The other end of a cancelled one has been told.
  if (pending.done) TakeBack(id);
  Fail(id, {Reason::kTimedOut, Hop::kAgent, "dial timed out: the agent did not answer in time"});
}

bool DialingSession::CancelDial(DialId id, std::shared_ptr<void> place) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return false;
  TakeBack(id);
  Pending& pending = found->second;
  const bool asked = pending.asked;
  if (asked && place != nullptr) {
    pending.place = std::move(place);
    pending.done = nullptr;
    pending.endpoint = nullptr;
    pending.memory = nullptr;
    if (pending.due - stream()->scheduler().Now() > kAnswerLimit)
      pending.deadline->Set(kAnswerLimit, [this, id] { OnDeadline(id); });
  } else {
    pending_.erase(found);
  }
  return asked;
}

// Without features a peer that waits for one of its targets takes nothing for the others, either:
// it comes back with a session that does.
void DialingSession::EndWhenNoneAreTaken() {
  if (unsent_since_ && stream()->scheduler().Now() - *unsent_since_ >= kUntakenLimit)
    stream()->Abort(absl::DeadlineExceededError("tunnel: the peer takes no requests"));
}

void DialingSession::QueueRequest(DialId id, Pending& pending, const wire::Packet& packet) {
  EndWhenNoneAreTaken();
  // Dials that are given up before they are sent must not pile up in a list that nobody takes from.
  if (unsent_.size() > 2 * pending_.size())
    std::erase_if(unsent_, [this](DialId unsent) { return !pending_.contains(unsent); });
  pending.request = packet.SerializeAsString();
  if (!unsent_since_) unsent_since_ = stream()->scheduler().Now();
  unsent_.push_back(id);
  unsent_bytes_ += pending.request.size();
  unsent_charge_.Set(unsent_bytes_);
  stream()->Wake();
}

void DialingSession::ForgetRequest(Pending& pending) {
  unsent_bytes_ -= pending.request.size();
  unsent_charge_.Set(unsent_bytes_);
  std::string().swap(pending.request);
}

bool DialingSession::ProduceRequests(net::MessageBatch& batch) {
  unsent_since_.reset();
  for (; !unsent_.empty(); unsent_.pop_front()) {
    const auto found = pending_.find(unsent_.front());
    if (found == pending_.end()) continue;
    Pending& pending = found->second;
    const std::string& request = pending.request;
    if (!batch.Add({reinterpret_cast<const uint8_t*>(request.data()), request.size()})) break;
    pending.asked = true;
    ForgetRequest(pending);
    ++mutable_counters().packets_to_peer[PacketKind(wire::DIAL_REQ)];
  }
  if (!unsent_.empty()) unsent_since_ = stream()->scheduler().Now();
  return unsent_.empty();
}

void DialingSession::TakeBack(DialId id) {
  Pending& pending = pending_.at(id);
  if (!pending.asked) return ForgetRequest(pending);
  wire::Packet packet;
  packet.set_type(wire::DIAL_CLS);
  packet.mutable_close_dial()->set_random(id);
  SendPacket(packet);
  AllowLate(kLateAnswer);
}

void DialingSession::Fail(DialId id, const Failure& failure) {
  // The callback may look at the session; it finds no dial half-removed.
  auto node = pending_.extract(id);
  if (node.empty()) return;
  ForgetRequest(node.mapped());
  if (node.mapped().done) node.mapped().done(&failure);
}

void DialingSession::FailLater(DialId id, const Failure& failure) {
  pending_[id].deadline->Set(base::Duration::zero(), [this, id, failure] { Fail(id, failure); });
}

absl::Status DialingSession::OnDialPacket(const wire::Packet& packet) {
  switch (packet.type()) {
    case wire::DIAL_RSP: return OnAnswer(packet.dial_response());
    case wire::DIAL_CLS:
      // Konnectivity: the agent drops a dial.
      Fail(packet.close_dial().random(),
           {Reason::kUnknown, Hop::kAgent, "the agent closed the dial"});
      return absl::OkStatus();
    case wire::DRAIN:
      if (!std::exchange(draining_, true)) OnDrain();
      return absl::OkStatus();
    default: return ProtocolError("DIAL_REQ from a side that is dialled");
  }
}

absl::Status DialingSession::OnAnswer(const wire::DialResponse& answer) {
  const int64_t connection_id = answer.connect_id();
  const bool opened = answer.error().empty();
  if (opened && (connection_id <= 0 || knows(connection_id)))
    return ProtocolError("DIAL_RSP with connection id " + std::to_string(connection_id));
  auto node = pending_.extract(answer.random());
  if (node.empty() || !node.mapped().done) {
    // The dial was cancelled or timed out meanwhile: what the answer opened is closed again.
    if (node.empty() || opened) ++mutable_counters().late_answers;
    if (const absl::Status status = ChargeLate(answer.ByteSizeLong()); !status.ok() || !opened)
      return status;
    NoteId(connection_id);
    wire::Packet packet;
    packet.set_type(wire::CLOSE_REQ);
    packet.mutable_close_request()->set_connect_id(connection_id);
    if (features().reason) packet.mutable_close_request()->set_reason(wire::CANCELLED);
    SendPacket(packet);
    return absl::OkStatus();
  }
  Pending pending = std::move(node.mapped());
  ForgetRequest(pending);  // it may be answered before it is asked
  if (opened) {
    AddConnection(connection_id, std::move(pending.endpoint), features().early ? pending.early : 0,
                  std::move(pending.memory))
        .SetPeers(std::move(pending.target), std::move(pending.client));
    pending.done(nullptr);
    return absl::OkStatus();
  }
  Failure failure{ReasonFromWire(answer.reason()), HopFromWire(answer.hop()), answer.error()};
  if (failure.reason == Reason::kUnknown) failure.reason = ReasonFromText(failure.text);
  if (failure.hop == Hop::kUnknown) failure.hop = Hop::kAgent;
  pending.done(&failure);
  return absl::OkStatus();
}

Failure DialingSession::LostFailure(const absl::Status& status) const {
  return {Reason::kAgentLost, Hop::kAgent,
          "the agent's session ended: " + std::string(status.message())};
}

// Dials first: others may be asked instead.
bool DialingSession::EndSome(const absl::Status& status) {
  const Failure lost = LostFailure(status);
  unsent_.clear();
  for (size_t left = kEndSlice; left > 0 && !pending_.empty(); --left)
    Fail(pending_.begin()->first, lost);
  return pending_.empty() && Session::EndSome(status) && pending_.empty();
}

}  // namespace hawser::tunnel
