// Life of a session, and of its connections but for their ends: session_end.cc has those,
// session_send.cc and session_receive.cc the bytes.
#include "lib/tunnel/session.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace hawser::tunnel {
namespace {

constexpr base::Duration kSweepInterval = MemoryBudget::kStallRound;
// Connections that one turn looks at.
constexpr size_t kSweepSlice = 32;
// When memory is short: how long without progress makes a queue one that may have to go.
constexpr base::Duration kMemoryStallLimit = std::chrono::seconds(1);
// A queue that was never empty for that long is slow, however much it moves: others shall not be
// refused for its sake.
constexpr base::Duration kMemorySlowLimit = std::chrono::seconds(10);
// Who neither sent nor took anything for so long waits for nothing.
constexpr base::Duration kMovedLately = std::chrono::seconds(60);
// Whoever holds back the stream of a plain peer must take as much as it holds back within this
// time: so all that do, however many share a slow link, let the others have the window once in a
// while.
constexpr base::Duration kLongestHold = std::chrono::seconds(60);
// What may wait for a peer ahead of data, bytes: on a stream of one connection; on one of many,
// where thousands may end at the same time; and on that when the peer takes nothing for a while.
constexpr size_t kMaxControlOfOne = 16 * 1024;
constexpr size_t kMaxControl = 4 * 1024 * 1024;
constexpr size_t kMaxStalledControl = 256 * 1024;
constexpr base::Duration kControlStallLimit = std::chrono::seconds(10);
constexpr int64_t kFirstLateBudget = 1024 * 1024;
// Window of a stream whose connections have windows, bytes: 1 Gbit/s over half a second.
constexpr size_t kSharedStreamWindow = 64 * 1024 * 1024;

}  // namespace

size_t PacketKind(wire::PacketType type) {
  if (type >= wire::DIAL_REQ && type <= wire::DRAIN) return static_cast<size_t>(type);
  if (type == wire::WINDOW) return 7;
  if (type == wire::FIN) return 8;
  if (type == wire::DEMAND) return 9;
  return kPacketKinds;
}

const char* PacketKindName(size_t kind) {
  static constexpr const char* kNames[kPacketKinds] = {
      "DIAL_REQ", "DIAL_RSP", "CLOSE_REQ", "CLOSE_RSP", "DATA",
      "DIAL_CLS", "DRAIN",    "WINDOW",    "FIN",       "DEMAND"};
  return kind < kPacketKinds ? kNames[kind] : "UNKNOWN";
}

void SessionCounters::Add(const SessionCounters& other) {
  bytes_to_peer += other.bytes_to_peer;
  bytes_from_peer += other.bytes_from_peer;
  for (size_t kind = 0; kind < kPacketKinds; ++kind) {
    packets_to_peer[kind] += other.packets_to_peer[kind];
    packets_from_peer[kind] += other.packets_from_peer[kind];
  }
  connections += other.connections;
  window_stalls += other.window_stalls;
  ignored_packets += other.ignored_packets;
  late_answers += other.late_answers;
}

Session::Session(const SessionOptions& options)
    : options_(options),
      decoder_(*this),
      control_charge_(options.memory),
      incomplete_charge_(options.memory),
      stream_window_(options.first_window, options.first_window, {}),
      late_budget_(kFirstLateBudget) {}

Session::~Session() {
  CHECK_EQ(connection_count(), 0u) << "a session outlived its stream's OnClosed()";
}

void Session::OnOpen(net::MessageStream& stream, const net::Metadata& headers) {
  stream_ = &stream;
  features_ = Accept(headers, !options_.one_connection);
  bury_ = std::make_unique<base::Deferred>([this] {
    ended_.clear();
    ended_bytes_.clear();
  });
  alive_ = std::make_shared<char>();
  close_ = std::make_unique<base::Timer>(stream.scheduler());
  sweep_ = std::make_unique<base::Timer>(stream.scheduler());
  idle_ = std::make_unique<base::Timer>(stream.scheduler());
  const base::Time now = stream.scheduler().Now();
  stream_window_ = options_.one_connection
                       ? StreamWindow(options_.first_window, ReceiveWindow::kSmallest, now)
                       : StreamWindow(options_.plain_window, options_.plain_window, now);
  OnFeatures();
}

void Session::OnHeaders(const net::Metadata& headers) {
  features_ = Accept(headers, !options_.one_connection);
  OnFeatures();
}

void Session::OnFeatures() {
  // Each connection's own window bounds what it may cost; all of them together shall fill the way.
  if (features_.window) stream_->SetWindow(kSharedStreamWindow);
}

void Session::OfferFeatures(net::Metadata& headers) const {
  Offer(headers, options_.first_window, !options_.one_connection);
}

void Session::AnswerFeatures(net::Metadata& headers) const {
  Answer(headers, features_, options_.first_window);
}

void Session::OnRemoteEnd(const absl::Status& status) {
  // A stream without the peer's half is of no use to a tunnel.
  if (stream_ != nullptr) stream_->Finish(status);
}

void Session::OnClosed(const absl::Status&) {
  control_.Clear();
  control_charge_.Set(0);
  incomplete_charge_.Set(0);
  Promise(options_.memory.get(), -promised_);
  ended_.clear();
  bury_.reset();
  alive_.reset();
  close_.reset();
  sweep_.reset();
  idle_.reset();
  stream_ = nullptr;
}

Connection& Session::AddConnection(int64_t id, std::shared_ptr<Endpoint> endpoint, size_t early,
                                   std::shared_ptr<MemoryBudget> memory) {
  auto& slot = connections_[id];
  CHECK(slot == nullptr) << "connection id " << id << " is in use";
  unclosed_.erase(id);  // of an earlier connection, which the agent has forgotten
  slot = std::make_unique<Connection>(*this, id, std::move(endpoint), std::move(memory));
  Connection& connection = *slot;
  NoteId(id);
  ++counters_.connections;
  if (features_.window) {
    connection.credit_ = SendCredit(features_.peer_window);
    connection.credit_.Spend(early);
    connection.window_ = ReceiveWindow(options_.first_window);
  }
  counters_.bytes_to_peer += early;
  connection.bytes_sent_ += early;
  if (options_.idle_timeout > base::Duration::zero() && !idle_->armed())
    idle_->Set(options_.idle_timeout / 4, [this] { EndIdle(); });
  connection.endpoint_->OnOpen(connection);
  return connection;
}

void Session::SendPacket(const wire::Packet& packet) {
  if (stream_ == nullptr) return;
  ++counters_.packets_to_peer[PacketKind(packet.type())];
  const base::Time now = stream_->scheduler().Now();
  if (control_.empty()) control_sent_at_ = now;
  control_.Push(packet);
  const size_t waiting = control_.memory();
  control_charge_.Set(waiting);
  const bool stalled = waiting > kMaxStalledControl && now - control_sent_at_ > kControlStallLimit;
  const bool greedy =
      waiting > kMaxControlOfOne && options_.memory != nullptr && options_.memory->ShedsGrowing();
  if (stalled || greedy || waiting > (options_.one_connection ? kMaxControlOfOne : kMaxControl)) {
    stream_->Abort(absl::ResourceExhaustedError("tunnel: the peer asks but does not read"));
    return;
  }
  stream_->Wake();
}

void Session::SendDrain() {
  wire::Packet packet;
  packet.set_type(wire::DRAIN);
  packet.mutable_drain();
  SendPacket(packet);
}

absl::Status Session::ProtocolError(const std::string& what) const {
  return absl::InvalidArgumentError("tunnel protocol: " + what);
}

// Some connections must be looked at now and then: one that is parked is not read, so its end is
// not seen; one that waits for a peer without FIN; one whose endpoint holds bytes.
void Session::Watch(Connection& connection) {
  watched_.PushBack(connection);
  if (!sweep_->armed()) sweep_->Set(kSweepInterval, [this] { Sweep(); });
}

// A look takes some system calls: a thousand of them in one turn would be felt by everybody else.
void Session::Sweep() {
  if (sweep_left_ == 0) sweep_left_ = watched_.size();
  std::vector<Connection*> slice;
  for (; sweep_left_ > 0 && slice.size() < kSweepSlice; --sweep_left_)
    if (Connection* const connection = watched_.PopFront()) slice.push_back(connection);
  for (Connection* connection : slice) {
    // An ended one is buried only after this turn.
    if (connection->ended_ || !StillWatched(*connection)) continue;
    if (HasToGo(*connection)) {
      Fail(*connection, Reason::kOverloaded, "stalled while memory is short");
    } else {
      Watch(*connection);
    }
  }
  if (sweep_left_ > 0) {
    sweep_->Set(base::Duration::zero(), [this] { Sweep(); });
  } else if (!watched_.empty() && !sweep_->armed()) {
    // Of earlier slices, whose timer was for the next slice.
    sweep_->Set(kSweepInterval, [this] { Sweep(); });
  }
}

bool Session::HasToGo(const Connection& connection) const {
  if (connection.memory_ == nullptr || connection.queued_ == 0) return false;
  const base::Time now = stream_->scheduler().Now();
  if (now - connection.progress_at_ > kMemoryStallLimit)
    return connection.memory_->ShedsStalled(connection.queued_, now);
  if (now - connection.queued_since_ <= kMemorySlowLimit) return false;
  // A plain peer cannot be told to send less for one that is slow, which then is not to blame for
  // what its owner has queued. That others shall be served counts for more.
  const bool told = features_.window || options_.one_connection;
  return told ? connection.memory_->ShedsStalled(connection.queued_, now)
              : connection.memory_->ShedsForOthers(connection.queued_, now);
}

Session::Others Session::OthersThan(const Connection& holder) const {
  const base::Time lately = stream_->scheduler().Now() - kMovedLately;
  const bool some = std::ranges::any_of(connections_, [&](const auto& entry) {
    const Connection& other = *entry.second;
    return &other != &holder && std::max(other.progress_at_, other.sent_at_) > lately;
  });
  return some ? Others::kWait : Others::kNone;
}

bool Session::HoldsUpOthers(Connection& connection) {
  if (connection.withheld_ == 0 || options_.one_connection) return false;
  const base::Time now = stream_->scheduler().Now();
  const bool stalled = now - connection.progress_at_ > Patience(connection);
  const base::Duration held = now - connection.held_since_;
  if (!stalled && held <= options_.plain_stall_limit) return false;
  // Goes through the others: only for one that may have to go.
  const Others waiting = OthersThan(connection);
  if (waiting == Others::kNone) return false;
  if (stalled) return true;
  if (waiting == Others::kMayWait) return false;
  connection.held_since_ = now;
  const auto least = static_cast<double>(connection.withheld_) * static_cast<double>(held.count()) /
                     static_cast<double>(kLongestHold.count());
  const uint64_t taken =
      std::max(std::exchange(connection.taken_, 0), std::exchange(connection.progressed_, 0));
  return static_cast<double>(taken) < least;
}

base::Duration Session::Patience(const Connection& connection) const {
  return hold_ups_.Patience(connection.memory_, connection.opened_at_, options_.plain_stall_limit,
                            stream_->scheduler().Now());
}

bool Session::StillWatched(Connection& connection) {
  if (!LocalSideStays(connection)) return false;
  const base::Time now = stream_->scheduler().Now();
  const bool idle_window = connection.credit_.surplus() > 0 && !connection.local_end_ &&
                           connection.drained_at_ != base::Time::max();
  if (idle_window && now - connection.drained_at_ > options_.idle_window_limit)
    SendDemand(connection, connection.credit_.GiveUpSurplus());
  if (HoldsUpOthers(connection)) {
    const auto patience =
        std::chrono::duration_cast<std::chrono::milliseconds>(Patience(connection));
    // Connections without a budget of their own have no one owner.
    if (connection.memory_ != options_.memory)
      hold_ups_.Note(connection.memory_, connection.target_, stream_->scheduler().Now());
    Fail(connection, Reason::kTimedOut,
         "stalled: next to nothing was read for " + std::to_string(patience.count()) + " ms");
    return false;
  }
  return connection.parked_ || (connection.local_end_ && !features_.fin) ||
         connection.queued_ > 0 || (idle_window && connection.credit_.surplus() > 0);
}

bool Session::LocalSideStays(Connection& connection) {
  const bool waits_for_end = connection.local_end_ && !features_.fin;
  const bool quiet = !connection.parked_ && !waits_for_end;
  if (quiet && connection.queued_ == 0) return true;
  const Presence presence = connection.endpoint_->Look();
  if (connection.ended_) return false;
  if (quiet) return true;
  const base::Time now = stream_->scheduler().Now();
  if (presence == Presence::kGone) {
    CloseByUs(connection, nullptr);
    return false;
  }
  if (presence == Presence::kLeft && now - connection.parked_at_ > options_.left_limit) {
    Fail(connection, Reason::kTimedOut, "what was sent before the end was not taken in time");
    return false;
  }
  if (waits_for_end && now - connection.progress_at_ > options_.half_closed_limit) {
    Fail(connection, Reason::kTimedOut, "nothing came in time after the end of what was sent");
    return false;
  }
  return true;
}

void Session::Fail(Connection& connection, Reason reason, std::string text) {
  const Failure failure{reason, Hop::kUnknown, std::move(text)};
  CloseByUs(connection, &failure);
}

bool Session::IsIdle(Connection& connection) {
  const base::Time now = stream_->scheduler().Now();
  const uint64_t moved = connection.bytes_sent_ + connection.bytes_received_;
  if (std::exchange(connection.moved_, moved) != moved) connection.moved_at_ = now;
  return now - std::max(connection.moved_at_, connection.progress_at_) >= options_.idle_timeout;
}

// To look at all of them costs little, to end one some system calls.
void Session::EndIdle() {
  if (idle_ids_.empty()) {
    for (const auto& [id, connection] : connections_)
      if (IsIdle(*connection)) idle_ids_.push_back(id);
  }
  for (size_t left = kSweepSlice; left > 0 && !idle_ids_.empty(); --left) {
    Connection* const connection = Find(idle_ids_.back());
    idle_ids_.pop_back();
    if (connection != nullptr && IsIdle(*connection))
      Fail(*connection, Reason::kTimedOut, "idle for longer than the limit");
  }
  if (!idle_ids_.empty()) {
    idle_->Set(base::Duration::zero(), [this] { EndIdle(); });
  } else if (!connections_.empty()) {
    idle_->Set(options_.idle_timeout / 4, [this] { EndIdle(); });
  }
}

}  // namespace hawser::tunnel
