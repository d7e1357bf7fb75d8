// Life of a session, and of its connections: session_end.cc has their ends, session_watch.cc who
// has to go, session_send.cc and session_receive.cc the bytes.
#include "lib/tunnel/session.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace hawser::tunnel {
namespace {

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
  NeedsNoClose(id);
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
  for (size_t left = kLookSlice; left > 0 && !idle_ids_.empty(); --left) {
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
