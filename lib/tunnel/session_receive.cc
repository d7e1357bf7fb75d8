// A session's way in: packets to connections, windows kept, lies and late packets told apart.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/tunnel/session.h"

namespace hawser::tunnel {
namespace {

// What one packet for an ended id costs, beside its bytes.
constexpr int64_t kLatePacketCost = 64;
// When memory is used up: how long without progress makes a queue one that may not grow.
constexpr base::Duration kGrowingStallLimit = std::chrono::milliseconds(100);
// And how short a queue may grow all the same, bytes.
constexpr uint64_t kSparedQueue = 16 * 1024;
// Of what its owner has to spare, a connection of a plain peer may queue this part: five of them
// take half of it.
constexpr uint64_t kPlainQueuePart = 8;
// What the shared stream of a plain peer may grow to, bytes: 670 Mbit/s over 50 ms. What it has
// been allowed cannot be taken back, and all of it may be for one owner that has a few such streams
// and reads slowly from now on.
constexpr int64_t kMostPlainWindow = 4 * 1024 * 1024;
// Held back for so long without a break, somebody was late; for so long, somebody reads slowly; and
// how long after that it does not grow again.
constexpr base::Duration kHeldBriefly = std::chrono::milliseconds(20);
constexpr base::Duration kHeldLong = std::chrono::milliseconds(250);
constexpr base::Duration kSlowLately = std::chrono::seconds(2);
// On a shorter way it is large enough, however busy the machine.
constexpr base::Duration kLongWay = std::chrono::milliseconds(10);
// What a target may answer, bytes with their packets' cost, before a plain agent, which may still
// have something to write to it, is told that nobody takes it.
constexpr size_t kMostAnswer = 1024 * 1024;
// A packet that is collected is charged from here on, bytes.
constexpr size_t kSmallPacket = 1024;

}  // namespace

absl::Status Session::OnMessageStart(size_t size) { return decoder_.Start(size); }

absl::Status Session::OnMessageBytes(std::span<const uint8_t> bytes) {
  fresh_ = features_.window ? 0 : bytes.size();
  absl::Status status = decoder_.Feed(bytes);
  if (!features_.window) HoldIncomplete();
  fresh_ = 0;
  return ChargeIncomplete() || !status.ok()
             ? status
             : absl::ResourceExhaustedError("tunnel: no memory for the rest of a packet");
}

// A client may have thousands of streams, each with a packet that never ends.
bool Session::ChargeIncomplete() {
  const size_t taken = decoder_.memory() < kSmallPacket ? 0 : decoder_.memory();
  if (taken == incomplete_) return true;
  incomplete_ = taken;
  incomplete_charge_.Set(taken);
  return taken == 0 || !options_.one_connection || options_.memory == nullptr ||
         !options_.memory->ShedsGrowing();
}

Connection* Session::Find(int64_t id) {
  if (last_found_ != nullptr && last_found_->id_ == id) return last_found_;
  const auto found = connections_.find(id);
  if (found == connections_.end()) return nullptr;
  return last_found_ = found->second.get();
}

absl::Status Session::OnData(int64_t id, std::span<const uint8_t> bytes, bool stable) {
  Connection* const found = Find(id);
  if (found == nullptr) return OnLatePacket(id, bytes.size());
  Connection& connection = *found;
  ++counters_.packets_from_peer[PacketKind(wire::DATA)];
  if (bytes.empty()) return ChargeUseless();
  if (connection.remote_end_) {
    const Failure failure{Reason::kProtocolError, Hop::kUnknown, "data after the end of data"};
    CloseByUs(connection, &failure);
    return absl::OkStatus();
  }
  if (features_.window) {
    if (!connection.window_.Receive(bytes.size())) {
      const Failure failure{Reason::kProtocolError, Hop::kUnknown, "window overrun"};
      CloseByUs(connection, &failure);
      return absl::OkStatus();
    }
  } else if (options_.one_connection ||
             connection.queued_ + bytes.size() > PlainQueueCap(connection)) {
    if (connection.withheld_ == 0 && !MayHold(connection)) return absl::OkStatus();
    Hold(connection, bytes.size());
  }
  HandOver(connection, bytes, stable);
  return absl::OkStatus();
}

bool Session::MayGrowNoMore(const Connection& connection) const {
  if (connection.queued_ == 0 || connection.memory_ == nullptr) return false;
  const base::Time now = stream_->scheduler().Now();
  // What came within this turn is offered to its reader at the end of it.
  if (connection.queued_since_ == now) return false;
  const base::Duration idle = now - connection.progress_at_;
  if (idle > kGrowingStallLimit) return connection.memory_->ShedsGrowing();
  return connection.queued_ > kSparedQueue && connection.memory_->ShedsBurst();
}

void Session::HandOver(Connection& connection, std::span<const uint8_t> bytes, bool stable) {
  if (MayGrowNoMore(connection)) {
    const Failure failure{Reason::kOverloaded, Hop::kUnknown, "not read while memory is used up"};
    CloseByUs(connection, &failure);
    return;
  }
  counters_.bytes_from_peer += bytes.size();
  connection.bytes_received_ += bytes.size();
  if (connection.queued_ == 0) {
    connection.progress_at_ = connection.queued_since_ = stream_->scheduler().Now();
    Watch(connection);
  }
  connection.queued_ += bytes.size();
  if (!stable) {
    // Kept until the sinks have run, as the endpoint may rely on.
    ended_bytes_.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    bury_->RequestOn(stream_->scheduler().flushes());
    bytes = {reinterpret_cast<const uint8_t*>(ended_bytes_.back().data()), bytes.size()};
  }
  connection.endpoint_->Deliver(bytes);
}

void Session::DeliverEarly(Connection& connection, const std::string& early) {
  if (early.empty() || connection.ended_) return;
  connection.window_.Receive(early.size());
  HandOver(connection, {reinterpret_cast<const uint8_t*>(early.data()), early.size()}, false);
}

void Session::Delivered(Connection& connection, size_t bytes) {
  if (connection.ended_ || bytes == 0) return;
  connection.queued_ -= std::min<uint64_t>(connection.queued_, bytes);
  connection.progress_at_ = stream_->scheduler().Now();
  if (connection.queued_ == 0)
    OnDelivered(connection, connection.progress_at_ - connection.queued_since_);
  if (!features_.window) {
    connection.taken_ += bytes;
    Unhold(connection, bytes);
    if (stream_window_.size() > 0) TuneStreamWindow(bytes);
    return;
  }
  connection.window_.Dispose(bytes);
  if (connection.remote_end_ || !connection.window_.due()) return;
  grants_.PushBack(connection);
  stream_->Wake();
}

void Session::Progressed(Connection& connection, size_t bytes) {
  if (connection.ended_) return;
  connection.progress_at_ = stream_->scheduler().Now();
  connection.progressed_ += bytes;
}

void Session::TuneStreamWindow(size_t bytes) {
  const base::Time now = stream_->scheduler().Now();
  const int64_t before = stream_window_.size();
  int64_t most = MostWindow(options_.memory.get(), before);
  bool shrink = ShortOfMemory(options_.memory.get());
  if (!options_.one_connection) {
    const bool slow = withheld_ > 0 && now - held_since_ > kHeldLong;
    if (slow) slow_at_ = now;
    shrink |= slow;
    const bool may_grow = withheld_ == 0 && now - held_at_ > kHeldLong &&
                          now - slow_at_ > kSlowLately && stream_->LeastRoundTrip() >= kLongWay;
    most = may_grow ? std::min(most, kMostPlainWindow) : before;
  }
  if (!stream_window_.OnTaken(bytes, now, stream_->LeastRoundTrip(), most, shrink)) return;
  Promise(options_.memory.get(), stream_window_.size() - before);
  stream_->SetWindow(static_cast<size_t>(stream_window_.size()));
}

// A packet that is collected whole is withheld as its bytes come in, since none of them can be once
// it is complete.
void Session::HoldIncomplete() {
  const size_t kept = decoder_.kept();
  if (kept > withheld_incomplete_) {
    const size_t more = std::min(kept - withheld_incomplete_, fresh_);
    stream_->Withhold(more);
    withheld_incomplete_ += more;
  } else if (kept < withheld_incomplete_) {
    stream_->Release(std::exchange(withheld_incomplete_, kept) - kept);
  }
}

// One owner may have many connections, through many streams: all that their queues take, and what
// else is charged to it, comes out of one number.
uint64_t Session::PlainQueueCap(const Connection& connection) const {
  if (connection.memory_ == nullptr) return options_.plain_queue_cap;
  return std::min(options_.plain_queue_cap,
                  std::max(connection.memory_->Spare() / kPlainQueuePart, kSparedQueue));
}

// Holds the stream's own window back on account of `connection`: by what was withheld of a packet
// that was collected, then by bytes that have just come.
void Session::Hold(Connection& connection, size_t bytes) {
  const size_t collected = std::min(bytes, withheld_incomplete_);
  const size_t now = std::min(bytes - collected, fresh_);
  withheld_incomplete_ -= collected;
  fresh_ -= now;
  if (connection.withheld_ == 0) {
    connection.held_since_ = stream_->scheduler().Now();
    connection.taken_ = connection.progressed_ = 0;
  }
  if (withheld_ == 0) held_since_ = stream_->scheduler().Now();
  connection.withheld_ += collected + now;
  withheld_ += collected + now;
  stream_->Withhold(now);
}

void Session::Unhold(Connection& connection, size_t bytes) {
  const uint64_t released = std::min<uint64_t>(connection.withheld_, bytes);
  if (released == 0) return;
  connection.withheld_ -= released;
  withheld_ -= released;
  const base::Time now = stream_->scheduler().Now();
  if (withheld_ == 0 && now - held_since_ > kHeldBriefly) held_at_ = now;
  stream_->Release(released);
}

// A packet for an id that is not open: late when the id was in use, a lie otherwise.
absl::Status Session::OnLatePacket(int64_t id, size_t bytes) {
  if (id <= 0 || id > highest_id_)
    return ProtocolError("a packet for connection " + std::to_string(id) + ", which never existed");
  const auto unclosed = unclosed_.find(id);
  if (unclosed == unclosed_.end()) return ChargeLate(bytes);
  // The agent does not know yet that nobody takes it.
  ++counters_.ignored_packets;
  if ((unclosed->second.late += bytes + kLatePacketCost) > kMostAnswer) {
    SendClose(id, nullptr);
    NeedsNoClose(id);
  }
  return absl::OkStatus();
}

absl::Status Session::ChargeLate(size_t bytes) {
  ++counters_.ignored_packets;
  late_budget_ -= static_cast<int64_t>(bytes) + kLatePacketCost;
  if (late_budget_ < 0)
    return ProtocolError("too many packets of no use: late or of unknown types");
  return absl::OkStatus();
}

// A packet that says nothing new of an open connection: a well-meaning peer sends few.
absl::Status Session::ChargeUseless() { return ChargeLate(0); }

void Session::AllowLate(size_t bytes) {
  late_budget_ += static_cast<int64_t>(bytes) + kLatePacketCost;
}

absl::Status Session::OnPacket(const wire::Packet& packet) {
  const size_t kind = PacketKind(packet.type());
  if (kind < kPacketKinds) ++counters_.packets_from_peer[kind];
  switch (packet.type()) {
    case wire::DIAL_REQ:
    case wire::DIAL_RSP:
    case wire::DIAL_CLS:
    case wire::DRAIN: return OnDialPacket(packet);
    case wire::CLOSE_REQ:
    case wire::CLOSE_RSP: return OnClose(packet);
    case wire::WINDOW: return OnWindow(packet.window());
    case wire::DEMAND: return OnDemand(packet.demand());
    case wire::FIN: return OnFin(packet.fin().connect_id());
    default:
      // Konnectivity's rule: what is not known is ignored. Only its cost counts.
      return ChargeLate(packet.ByteSizeLong());
  }
}

absl::Status Session::OnWindow(const wire::Window& window) {
  if (!features_.window) return ProtocolError("WINDOW without the feature `window`");
  Connection* connection = Find(window.connect_id());
  if (connection == nullptr) return OnLatePacket(window.connect_id(), 0);
  const std::optional<int64_t> grown = connection->credit_.Add(window.bytes());
  if (!grown) return ProtocolError("WINDOW of " + std::to_string(window.bytes()) + " bytes");
  // A window is given back for what was sent, or grows by much.
  if (*grown > 0 && *grown < ReceiveWindow::kSmallest) HAWSER_RETURN_IF_ERROR(ChargeUseless());
  if (!connection->parked_) {
    NoteIdle(*connection);
  } else if (connection->credit_.enough()) {
    connection->parked_ = false;
    Ready(*connection);
  }
  return absl::OkStatus();
}

absl::Status Session::OnDemand(const wire::Demand& demand) {
  if (!features_.demand) return ProtocolError("DEMAND without the feature `demand`");
  Connection* connection = Find(demand.connect_id());
  if (connection == nullptr) return OnLatePacket(demand.connect_id(), 0);
  if (connection->remote_end_) return absl::OkStatus();
  const bool received = std::exchange(connection->received_at_demand_,
                                      connection->bytes_received_) != connection->bytes_received_;
  if (!received) HAWSER_RETURN_IF_ERROR(ChargeUseless());
  if (demand.unused() == 0) {
    connection->window_.OnLack(SendCredit::Sliver(options_.first_window));
    if (!connection->window_.due()) return absl::OkStatus();
    grants_.PushBack(*connection);
    stream_->Wake();
    return absl::OkStatus();
  }
  const int64_t before = Growth(*connection);
  if (!connection->window_.OnGivenUp(demand.unused(), options_.first_window)) {
    const Failure failure{Reason::kProtocolError, Hop::kUnknown, "gave up window it did not have"};
    CloseByUs(*connection, &failure);
    return absl::OkStatus();
  }
  Promise(connection->memory_.get(), Growth(*connection) - before);
  return absl::OkStatus();
}

absl::Status Session::OnFin(int64_t id) {
  if (!features_.fin) return ProtocolError("FIN without the feature `fin`");
  Connection* connection = Find(id);
  if (connection == nullptr) return OnLatePacket(id, 0);
  if (connection->remote_end_) return ProtocolError("a second FIN for a connection");
  connection->remote_end_ = true;
  grants_.Remove(*connection);
  connection->endpoint_->DeliverEnd();
  if (connection->local_end_) EndByPeer(*connection, nullptr);
  return absl::OkStatus();
}

absl::Status Session::OnClose(const wire::Packet& packet) {
  const bool request = packet.type() == wire::CLOSE_REQ;
  const int64_t id =
      request ? packet.close_request().connect_id() : packet.close_response().connect_id();
  Failure failure;
  failure.reason =
      ReasonFromWire(request ? packet.close_request().reason() : packet.close_response().reason());
  failure.hop = HopFromWire(request ? packet.close_request().hop() : packet.close_response().hop());
  if (!request) failure.text = packet.close_response().error();
  if (request && close_type() == wire::CLOSE_RSP) {
    // Konnectivity's dialler waits for this answer, even when both sides close at once.
    wire::Packet answer;
    answer.set_type(wire::CLOSE_RSP);
    answer.mutable_close_response()->set_connect_id(id);
    SendPacket(answer);
  }
  Connection* connection = Find(id);
  // Peers may close what never opened (a dial that failed); only its cost counts.
  if (connection == nullptr) {
    NeedsNoClose(id);
    return ChargeLate(0);
  }
  // Plain peers have only the text to say that it was no orderly end.
  if (failure.reason == Reason::kUnknown && !failure.text.empty()) {
    failure.reason = ReasonFromText(failure.text);
    if (failure.reason == Reason::kUnknown) failure.reason = Reason::kReset;
  }
  const bool abort = failure.reason != Reason::kUnknown;
  EndByPeer(*connection, abort ? &failure : nullptr);
  return absl::OkStatus();
}

}  // namespace hawser::tunnel
