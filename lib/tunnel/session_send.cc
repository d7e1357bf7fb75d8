// A session's way out: control packets, then windows given back, then data, one message per ready
// connection in turn.
#include <algorithm>

#include "lib/tunnel/data_header.h"
#include "lib/tunnel/session.h"

namespace hawser::tunnel {
namespace {

// Below that much room a data message is left to the next batch.
constexpr size_t kMinDataRoom = 1024;
// What a connection on a short way needs to keep both ends busy. It may have that while others have
// taken half of the memory: those who keep up shall not feel those who do not read.
constexpr int64_t kModestWindow = 1024 * 1024;
// More than so many bytes of control packets mean that the transport takes nothing for now.
constexpr size_t kMuchControl = 8 * 1024;

std::span<const uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

void Session::Produce(net::MessageBatch& batch) {
  ProduceControl(batch);
  if (!control_.empty() || !ProduceRequests(batch)) return;
  ProduceGrants(batch);
  while (batch.space() >= kMinDataRoom) {
    Connection* connection = ready_.Next();
    if (connection == nullptr) break;
    if (!ProduceData(*connection, batch)) return;
  }
  ProduceControl(batch);  // what those asked for that found no window
}

void Session::ProduceControl(net::MessageBatch& batch) {
  bool sent = false;
  for (; !control_.empty() && batch.Add(control_.front()); sent = true) control_.Pop();
  if (!sent) return;
  control_sent_at_ = stream_->scheduler().Now();
  control_charge_.Set(control_.memory());
}

void Session::ProduceGrants(net::MessageBatch& batch) {
  wire::Packet packet;
  packet.set_type(wire::WINDOW);
  constexpr size_t kMaxGrant = 40;
  while (!grants_.empty() && batch.space() >= kMaxGrant) {
    Connection& connection = *grants_.PopFront();
    packet.mutable_window()->set_connect_id(connection.id_);
    packet.mutable_window()->set_bytes(Grant(connection));
    if (packet.window().bytes() == 0) continue;
    ++counters_.packets_to_peer[PacketKind(wire::WINDOW)];
    batch.Add(AsBytes(packet.SerializeAsString()));
  }
}

// The bytes to allow the peer now: what was disposed of, more when it lacks window and memory is
// there, less when memory is short.
int64_t Session::Grant(Connection& connection) {
  MemoryBudget* const memory = connection.memory_.get();
  const int64_t before = Growth(connection);
  const int64_t size = connection.window_.size();
  const int64_t bytes =
      connection.window_.Grant(MostWindow(memory, size), ShortOfMemory(memory),
                               stream_->scheduler().Now(), stream_->LeastRoundTrip());
  Promise(memory, Growth(connection) - before);
  return bytes;
}

// What a window of `size` may grow to.
int64_t Session::MostWindow(const MemoryBudget* memory, int64_t size) const {
  if (memory == nullptr) return options_.max_window;
  const MemoryBudget::Pressure pressure = memory->pressure();
  if (pressure >= MemoryBudget::Pressure::kShrink) return size;
  const int64_t most = pressure == MemoryBudget::Pressure::kNone
                           ? options_.max_window
                           : std::min(std::max(kModestWindow, size), options_.max_window);
  return std::min(most, size + memory->Promisable(promised_));
}

bool Session::ShortOfMemory(const MemoryBudget* memory) {
  return memory != nullptr && memory->pressure() >= MemoryBudget::Pressure::kShrink;
}

int64_t Session::Growth(const Connection& connection) const {
  if (!features_.window) return 0;
  return std::max(connection.window_.size() - options_.first_window, int64_t{0});
}

void Session::Promise(MemoryBudget* memory, int64_t bytes) {
  promised_ += bytes;
  if (memory != nullptr) memory->Promise(bytes);
}

// One message of `connection`. Returns false when the batch cannot take more.
bool Session::ProduceData(Connection& connection, net::MessageBatch& batch) {
  if (!connection.credit_.enough()) {
    Park(connection);
    return true;
  }
  const size_t announced = DataHeader::Size(connection.id_, batch.space());
  std::span<uint8_t> space = batch.PayloadSpace(announced);
  if (!ready_.empty() && space.size() > batch.turn()) space = space.first(batch.turn());
  if (static_cast<int64_t>(space.size()) > connection.credit_.available())
    space = space.first(static_cast<size_t>(connection.credit_.available()));
  const Pulled pulled = connection.endpoint_->Pull(space);
  // Pull() may have closed the connection, which then waits for its burial.
  if (connection.ended_) return true;
  if (pulled.bytes > 0) {
    batch.CommitPayload(announced, DataHeader(connection.id_, pulled.bytes).bytes(), pulled.bytes);
    connection.credit_.Spend(pulled.bytes);
    connection.bytes_sent_ += pulled.bytes;
    if (!features_.window) connection.sent_at_ = stream_->scheduler().Now();
    counters_.bytes_to_peer += pulled.bytes;
    ++counters_.packets_to_peer[PacketKind(wire::DATA)];
  }
  ready_.Served(connection, pulled.bytes, pulled.state == Pulled::kBytes);
  switch (pulled.state) {
    case Pulled::kBytes: connection.drained_at_ = base::Time::max(); return true;
    case Pulled::kDrained: NoteIdle(connection); return true;
    case Pulled::kEnd:
      LocalEnd(connection);
      ProduceControl(batch);
      return control_.empty();
  }
  return true;
}

// It has something to send, but no window.
void Session::Park(Connection& connection) {
  ++counters_.window_stalls;
  connection.parked_ = true;
  connection.parked_at_ = stream_->scheduler().Now();
  Watch(connection);
  if (features_.demand) SendDemand(connection, 0);
}

void Session::SendDemand(Connection& connection, int64_t unused) {
  wire::Packet packet;
  packet.set_type(wire::DEMAND);
  packet.mutable_demand()->set_connect_id(connection.id_);
  packet.mutable_demand()->set_unused(unused);
  SendPacket(packet);
}

// It has nothing to send for now. Should that last, what its window grew by goes back to the peer.
void Session::NoteIdle(Connection& connection) {
  if (!features_.demand || connection.credit_.surplus() == 0) return;
  connection.drained_at_ = stream_->scheduler().Now();
  Watch(connection);
}

// The endpoint finished sending, and all it sent is on its way.
void Session::LocalEnd(Connection& connection) {
  connection.local_end_ = true;
  const Presence presence = connection.endpoint_->Look();
  if (connection.ended_) return;
  if (presence == Presence::kGone) {
    CloseByUs(connection, nullptr);
  } else if (features_.fin) {
    wire::Packet packet;
    packet.set_type(wire::FIN);
    packet.mutable_fin()->set_connect_id(connection.id_);
    SendPacket(packet);
    if (connection.remote_end_) End(connection, nullptr);
  } else if (close_type() == wire::CLOSE_RSP) {
    // A dialled side without FIN says the end of the target with an orderly close.
    CloseByUs(connection, nullptr);
  } else {
    // A dialling side without FIN keeps the connection for what is still to come the other way.
    connection.progress_at_ = stream_->scheduler().Now();
    Watch(connection);
  }
}

bool Session::busy() const { return !ready_.empty() || control_.memory() > kMuchControl; }

void Session::Ready(Connection& connection) {
  if (connection.ended_ || connection.local_end_ || connection.parked_) return;
  ready_.Add(connection);
  stream_->Wake();
}

}  // namespace hawser::tunnel
