// A session's way out: control packets, then windows given back, then data, one message per ready
// connection in turn.
#include <algorithm>

#include "lib/tunnel/data_header.h"
#include "lib/tunnel/session.h"

namespace hawser::tunnel {
namespace {

// Below that much room a data message is left to the next batch.
constexpr size_t kMinDataRoom = 1024;
constexpr int64_t kSliver = 16 * 1024;
// What a turn may take on a busy machine: windows that last no longer make both ends wait for each
// other, however short the way between them.
constexpr base::Duration kBusyTurn = std::chrono::milliseconds(1);
// A receive window never shrinks below this many bytes.
constexpr int64_t kSmallestWindow = 64 * 1024;

std::span<const uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

void Session::Produce(net::MessageBatch& batch) {
  ProduceControl(batch);
  if (!control_.empty()) return;
  ProduceGrants(batch);
  while (batch.space() >= kMinDataRoom) {
    Connection* connection = ready_.PopFront();
    if (connection == nullptr) return;
    if (!ProduceData(*connection, batch)) return;
  }
}

void Session::ProduceControl(net::MessageBatch& batch) {
  if (control_.empty()) return;
  while (!control_.empty() && batch.Add(control_.front())) control_.Pop();
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

// The bytes to give back now: what was disposed of, more when the window proved too small for the
// path, less when memory is short.
int64_t Session::Grant(Connection& connection) {
  const base::Time now = stream_->scheduler().Now();
  const auto pressure = connection.memory_ == nullptr ? MemoryBudget::Pressure::kNone
                                                      : connection.memory_->pressure();
  int64_t bytes = connection.unreturned_;
  if (pressure >= MemoryBudget::Pressure::kShrink) {
    const int64_t excess = std::max(connection.receive_window_ - kSmallestWindow, int64_t{0});
    const int64_t shrink = std::min({connection.receive_window_ / 2, excess, bytes});
    connection.receive_window_ -= shrink;
    bytes -= shrink;
  } else if (pressure == MemoryBudget::Pressure::kNone &&
             connection.receive_window_ < options_.max_window &&
             now - connection.returned_at_ < std::max(stream_->RoundTrip(), kBusyTurn)) {
    // A quarter of the window was disposed of within a round trip: the window may well be what
    // limits the sender.
    const int64_t growth =
        std::min(connection.receive_window_, options_.max_window - connection.receive_window_);
    connection.receive_window_ += growth;
    bytes += growth;
  }
  connection.returned_at_ = now;
  connection.unreturned_ = 0;
  connection.receive_allowance_ += bytes;
  return bytes;
}

// Less than this is not worth a message, while more window is certain to come.
int64_t Session::SmallestSend() const {
  return features_.window ? std::min(kSliver, features_.peer_window / 4) : 1;
}

// One message of `connection`. Returns false when the batch cannot take more.
bool Session::ProduceData(Connection& connection, net::MessageBatch& batch) {
  if (connection.send_window_ < SmallestSend()) {
    ++counters_.window_stalls;
    connection.parked_ = true;
    Watch(connection);
    return true;
  }
  const size_t announced = DataHeader::Size(connection.id_, batch.space());
  std::span<uint8_t> space = batch.PayloadSpace(announced);
  if (static_cast<int64_t>(space.size()) > connection.send_window_)
    space = space.first(static_cast<size_t>(connection.send_window_));
  const Pulled pulled = connection.endpoint_->Pull(space);
  // Pull() may have closed the connection, which then waits for its burial.
  if (connection.ended_) return true;
  if (pulled.bytes > 0) {
    batch.CommitPayload(announced, DataHeader(connection.id_, pulled.bytes).bytes(), pulled.bytes);
    connection.send_window_ -= static_cast<int64_t>(pulled.bytes);
    connection.bytes_sent_ += pulled.bytes;
    counters_.bytes_to_peer += pulled.bytes;
    ++counters_.packets_to_peer[PacketKind(wire::DATA)];
  }
  switch (pulled.state) {
    case Pulled::kBytes:
      ready_.PushBack(connection);  // behind the others
      return true;
    case Pulled::kDrained: return true;
    case Pulled::kEnd:
      LocalEnd(connection);
      ProduceControl(batch);
      return control_.empty();
  }
  return true;
}

// The endpoint finished sending, and all it sent is on its way.
void Session::LocalEnd(Connection& connection) {
  connection.local_end_ = true;
  if (connection.endpoint_->Gone()) {
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

void Session::Ready(Connection& connection) {
  if (connection.ended_ || connection.local_end_ || connection.parked_) return;
  ready_.PushBack(connection);
  stream_->Wake();
}

}  // namespace hawser::tunnel
