// Whatever packets a peer sends, in whatever encoding and cut into whatever pieces, a session on a
// transport keeps its bounds and ends with every connection told once. A peer that keeps to the
// windows of HTTP/2 is never left without window while everything it sent has been taken.
//
// The input's first byte chooses who we are and how the peer behaves. Then each step is a byte for
// what happens next, and a few for how.
#include <glog/logging.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/h2/raw_http2.h"
#include "lib/h2/scripted_socket.h"
#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"
#include "lib/tunnel/dialed_session.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::tunnel {
namespace {

enum Choice : uint8_t {
  kAccepts = 1,   // we accepted the stream, as hubs do; otherwise we opened it
  kDials = 2,     // we dial; otherwise we are dialed
  kFeatures = 4,  // the peer has all features
  kOne = 8,       // a front-end stream
  kPolite = 16,   // the peer keeps to the stream's window
  kDeaf = 32,     // the peer does not read
};

constexpr size_t kSizes[] = {0, 1, 5, 100, 3000, 16'000, 70'000, 200'000};
constexpr uint32_t kStreamWindow = 64 * 1024;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : left_(data, size) {}
  bool empty() const { return left_.empty(); }
  // 0 when there are no more.
  uint8_t Byte() {
    if (left_.empty()) return 0;
    const uint8_t byte = left_[0];
    left_ = left_.subspan(1);
    return byte;
  }
  size_t Size() { return kSizes[Byte() % std::size(kSizes)]; }

 private:
  std::span<const uint8_t> left_;
};

SessionOptions Options(uint8_t choices) {
  SessionOptions options;
  options.first_window = 64 * 1024;
  options.max_window = 128 * 1024;
  options.plain_queue_cap = 64 * 1024;
  options.max_pending_dials = 4;
  options.max_connections = 20;
  options.one_connection = (choices & kOne) != 0;
  return options;
}

// What an endpoint may be left holding at most.
uint64_t MostQueued(const Session& session) {
  const SessionOptions& options = session.options();
  if (session.features().window) return static_cast<uint64_t>(options.max_window);
  if (options.one_connection) return static_cast<uint64_t>(options.max_window) + kMaxEarly;
  return options.plain_queue_cap + kStreamWindow + PacketDecoder::kMaxWhole;
}

class FuzzEndpoint final : public Endpoint {
 public:
  void OnOpen(Connection& connection) override {
    CHECK(connection_ == nullptr && !closed_);
    connection_ = &connection;
    if (to_send_ > 0 || finished_) connection.Ready();
  }
  Pulled Pull(std::span<uint8_t> space) override {
    CHECK(connection_ != nullptr);
    const size_t bytes = std::min(space.size(), to_send_);
    std::memset(space.data(), 'p', bytes);
    to_send_ -= bytes;
    if (bytes > 0) return {Pulled::kBytes, bytes};
    return {finished_ ? Pulled::kEnd : Pulled::kDrained};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    CHECK(connection_ != nullptr && !ended_) << "bytes after the end";
    held_ += bytes.size();
    CHECK_EQ(connection_->queued(), held_);
    CHECK_LE(held_, MostQueued(connection_->session()));
    if (!stalled_) Take();
  }
  void DeliverEnd() override { CHECK(!std::exchange(ended_, true)) << "ended twice"; }
  void OnClosed(const Failure*) override {
    CHECK(!std::exchange(closed_, true)) << "closed twice";
    connection_ = nullptr;
  }
  Presence Look() override { return Presence::kHere; }

  bool open() const { return connection_ != nullptr; }
  void Stall() { stalled_ = true; }
  void Resume() {
    stalled_ = false;
    Take();
  }
  void Send(size_t bytes) {
    to_send_ += bytes;
    if (open()) connection_->Ready();
  }
  void Finish() {
    finished_ = true;
    if (open()) connection_->Ready();
  }
  void Close(bool in_order) {
    if (!open()) return;
    const Failure failure{Reason::kReset, Hop::kTarget, "as the input wants it"};
    in_order ? connection_->Close() : connection_->Close(failure);
  }

 private:
  void Take() {
    if (open()) connection_->Delivered(std::exchange(held_, 0));
  }

  Connection* connection_ = nullptr;
  size_t to_send_ = 0;
  size_t held_ = 0;
  bool stalled_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

// What we are, for the script to play with.
struct Ours {
  const bool accepts;
  std::shared_ptr<FuzzEndpoint> NewEndpoint() {
    endpoints.push_back(std::make_shared<FuzzEndpoint>());
    return endpoints.back();
  }
  std::vector<std::shared_ptr<FuzzEndpoint>> endpoints;
  std::vector<int64_t> dials;         // ids; of ours when we dial
  DialingSession* dialing = nullptr;  // while it is open
  DialedSession* dialed = nullptr;
  bool stalled = false;  // ever
};

class FuzzDialing final : public DialingSession {
 public:
  FuzzDialing(const SessionOptions& options, Ours& ours) : DialingSession(options), ours_(ours) {}
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialingSession::OnOpen(stream, headers);
    ours_.dialing = this;
    if (!ours_.accepts) return;
    net::Metadata answer;
    AnswerFeatures(answer);
    stream.SendHeaders(answer);
  }
  void OnClosed(const absl::Status& status) override {
    ours_.dialing = nullptr;
    DialingSession::OnClosed(status);
  }
  void Dial(size_t early) {
    const std::string first(std::min(early, early_limit()), 'e');
    ours_.dials.push_back(StartDial({"web:80", first, std::chrono::seconds(9), "fuzz"},
                                    ours_.NewEndpoint(), [](const Failure*) {}));
  }

 private:
  Ours& ours_;
};

class FuzzDialed final : public DialedSession {
 public:
  FuzzDialed(const SessionOptions& options, Ours& ours) : DialedSession(options), ours_(ours) {}
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialedSession::OnOpen(stream, headers);
    ours_.dialed = this;
    if (!ours_.accepts) return;
    net::Metadata answer;
    AnswerFeatures(answer);
    stream.SendHeaders(answer);
  }
  void OnClosed(const absl::Status& status) override {
    ours_.dialed = nullptr;
    DialedSession::OnClosed(status);
  }
  void OnDial(Request request) override {
    if (request.dial_id % 4 == 3) {
      ours_.dials.push_back(request.dial_id);  // for later
    } else if (request.dial_id % 4 == 2) {
      RejectDial(request.dial_id, {Reason::kRefused, Hop::kTarget, "no"});
    } else {
      AcceptDial(request.dial_id, ours_.NewEndpoint());
    }
  }
  void OnDialCancelled(int64_t) override {}

 private:
  Ours& ours_;
};

class Peer final : public h2::ScriptedPeer {
 public:
  Peer(uint8_t choices, Input input, Ours& ours) : choices_(choices), input_(input), ours_(ours) {
    net::Metadata features;
    if (has(kFeatures)) Offer(features, 64 * 1024, !has(kOne));
    std::string fields;
    if (!has(kAccepts)) fields = h2::Field(":status", "200");
    if (has(kAccepts)) {
      said_ = h2::Preface();
      fields = h2::RequestFields();
    } else {
      said_ = h2::Frame(h2::kSettings, h2::kNoFlags, 0, "");
      fields += h2::Field("content-type", "application/grpc");
    }
    for (const auto& [name, value] : features.entries()) fields += h2::Field(name, value);
    said_ += h2::Frame(h2::kHeaders, h2::kEndHeaders, 1, fields);
  }

  std::optional<size_t> Say(std::span<uint8_t> space) override {
    if (act_) {
      std::exchange(act_, nullptr)();
      return std::nullopt;
    }
    while (said_.empty() && !act_ && !input_.empty()) Step();
    if (said_.empty() && act_) return std::nullopt;
    if (said_.empty() && !unframed_.empty()) {
      Cut(16'384);
      // Short of window: some may come.
      if (said_.empty() && ++waits_ < 4) return std::nullopt;
    }
    const size_t size = std::min(space.size(), said_.size());
    std::memcpy(space.data(), said_.data(), size);
    said_.erase(0, size);
    return size;
  }

  bool Hear(std::span<const iovec> bytes) override {
    if (has(kDeaf)) return false;
    for (const iovec& piece : bytes)
      heard_.append(static_cast<char*>(piece.iov_base), piece.iov_len);
    ReadFrames();
    return true;
  }

  // Everything was taken at once, and yet there was no window for the rest.
  bool starved() const { return has(kPolite) && !has(kDeaf) && !unframed_.empty(); }

 private:
  bool has(Choice choice) const { return (choices_ & choice) != 0; }
  uint32_t Number(size_t at, size_t size) const {
    uint32_t number = 0;
    for (size_t i = at; i < at + size; ++i) number = number << 8 | static_cast<uint8_t>(heard_[i]);
    return number;
  }

  // Only WINDOW_UPDATE and SETTINGS of the stream's window matter.
  void ReadFrames() {
    constexpr size_t kHeader = 9;
    while (heard_.size() >= kHeader) {
      const size_t size = Number(0, 3);
      if (heard_.size() < kHeader + size) return;
      if (heard_[3] == h2::kWindowUpdate && Number(5, 4) == 1) window_ += Number(kHeader, 4);
      if (heard_[3] == h2::kSettings && size > 0) window_ += kStreamWindow - 65'535;
      heard_.erase(0, kHeader + size);
    }
  }

  // Frames what there is of messages, `most` bytes in each.
  void Cut(size_t most) {
    most = std::max({most, unframed_.size() / 64, size_t{1}});
    while (!unframed_.empty()) {
      size_t size = std::min({most, unframed_.size(), size_t{16'384}});
      if (has(kPolite)) size = std::min(size, window_);
      if (size == 0) return;
      if (has(kPolite)) window_ -= size;
      said_ += h2::Frame(h2::kData, h2::kNoFlags, 1, std::string_view(unframed_).substr(0, size));
      unframed_.erase(0, size);
    }
  }

  void Send(const std::string& message) {
    unframed_ += h2::Message(message);
    Cut(input_.Size());
  }
  void Send(const wire::Packet& packet) { Send(packet.SerializeAsString()); }

  int64_t ConnectionId() { return input_.Byte() % 6; }
  int64_t DialId() {
    const uint8_t which = input_.Byte();
    return which < ours_.dials.size() ? ours_.dials[which] : which;
  }

  void Step() {
    switch (input_.Byte() % 12) {
      case 0:
      case 1: SendData(); break;
      case 2: SendDialRequest(); break;
      case 3: SendDialResponse(); break;
      case 4: SendClose(); break;
      case 5: SendSmall(); break;
      case 6: SendRubbish(); break;
      case 7: EndStream(); break;
      default: Act(); break;
    }
  }

  // The parts of a packet may come in any order, and more than once.
  void SendData() {
    wire::Packet type, id, bytes;
    type.set_type(wire::DATA);
    id.mutable_data()->set_connect_id(ConnectionId());
    bytes.mutable_data()->set_data(std::string(input_.Size(), 'd'));
    const std::string t = type.SerializeAsString(), i = id.SerializeAsString(),
                      b = bytes.SerializeAsString();
    switch (input_.Byte() % 4) {
      case 0: type.MergeFrom(id), type.MergeFrom(bytes), Send(type); break;
      case 1: Send(b + i + t); break;
      case 2: Send(t + i + b + i); break;
      case 3: Send(t + b + b + i); break;
    }
  }

  void SendDialRequest() {
    wire::Packet packet;
    packet.set_type(wire::DIAL_REQ);
    packet.mutable_dial_request()->set_random(DialId());
    packet.mutable_dial_request()->set_address("web:80");
    packet.mutable_dial_request()->set_early(std::string(input_.Size(), 'e'));
    Send(packet);
  }

  void SendDialResponse() {
    wire::Packet packet;
    packet.set_type(wire::DIAL_RSP);
    packet.mutable_dial_response()->set_random(DialId());
    packet.mutable_dial_response()->set_connect_id(ConnectionId());
    if (input_.Byte() % 4 == 3) packet.mutable_dial_response()->set_error("connection refused");
    Send(packet);
  }

  void SendClose() {
    wire::Packet packet;
    const int64_t id = ConnectionId();
    const uint8_t how = input_.Byte();
    packet.set_type(how % 2 == 0 ? wire::CLOSE_REQ : wire::CLOSE_RSP);
    if (how % 2 == 0) {
      packet.mutable_close_request()->set_connect_id(id);
      packet.mutable_close_request()->set_reason(static_cast<wire::Reason>(how / 16));
    } else {
      packet.mutable_close_response()->set_connect_id(id);
      packet.mutable_close_response()->set_error(how >= 128 ? "read: connection reset" : "");
    }
    Send(packet);
  }

  void SendSmall() {
    wire::Packet packet;
    const uint8_t what = input_.Byte();
    switch (what % 4) {
      case 0:
        packet.set_type(wire::DIAL_CLS);
        packet.mutable_close_dial()->set_random(DialId());
        break;
      case 1: packet.set_type(wire::DRAIN); break;
      case 2:
        packet.set_type(wire::WINDOW);
        packet.mutable_window()->set_connect_id(ConnectionId());
        packet.mutable_window()->set_bytes(what > 250 ? -1 : int64_t{1} << what / 4);
        break;
      case 3:
        packet.set_type(wire::FIN);
        packet.mutable_fin()->set_connect_id(ConnectionId());
        break;
    }
    Send(packet);
  }

  void SendRubbish() {
    std::string message;
    for (size_t left = input_.Byte() % 32; left > 0; --left)
      message.push_back(static_cast<char>(input_.Byte()));
    Send(message);
  }

  void EndStream() {
    const uint8_t how = input_.Byte();
    if (how < 64) {
      said_ += h2::Frame(h2::kData, h2::kEndStream, 1, "");
    } else if (how < 128) {
      said_ += h2::Reset(1);
    } else {
      unframed_ += std::string(how % 8, '\0');  // the prefix of a message that never comes
    }
  }

  // Something happens on our side.
  void Act() {
    const uint8_t what = input_.Byte() % 8;
    const uint8_t which = input_.Byte();
    const size_t size = input_.Size();
    if (what == 0) ours_.stalled = true;
    act_ = [this, what, which, size] { Act(what, which, size); };
  }
  void Act(uint8_t what, uint8_t which, size_t size) {
    if (what >= 6) {
      if (ours_.dialing != nullptr) {
        auto& session = static_cast<FuzzDialing&>(*ours_.dialing);
        if (what == 6) session.Dial(size);
        if (what == 7 && which < ours_.dials.size()) session.CancelDial(ours_.dials[which]);
      } else if (ours_.dialed != nullptr && which < ours_.dials.size()) {
        ours_.dialed->AcceptDial(ours_.dials[which], ours_.NewEndpoint());
      }
      return;
    }
    if (ours_.endpoints.empty()) return;
    FuzzEndpoint& endpoint = *ours_.endpoints[which % ours_.endpoints.size()];
    switch (what) {
      case 0: endpoint.Stall(); break;
      case 1: endpoint.Resume(); break;
      case 2: endpoint.Send(size); break;
      case 3: endpoint.Finish(); break;
      case 4: endpoint.Close(/*in_order=*/true); break;
      case 5: endpoint.Close(/*in_order=*/false); break;
    }
  }

  const uint8_t choices_;
  Input input_;
  Ours& ours_;
  std::string said_;      // frames on their way to us
  std::string unframed_;  // bytes of messages
  std::string heard_;
  std::function<void()> act_;  // what happens next on our side
  size_t window_ = 65'535;     // of our stream
  int waits_ = 0;
};

std::unique_ptr<net::StreamHandler> MakeSession(uint8_t choices, Ours& ours) {
  if ((choices & kDials) != 0) return std::make_unique<FuzzDialing>(Options(choices), ours);
  return std::make_unique<FuzzDialed>(Options(choices), ours);
}

void Run(uint8_t choices, Input input) {
  h2::TestLoop loop;
  const bool accepts = (choices & kAccepts) != 0;
  Ours ours{accepts};
  Peer peer(choices, input, ours);
  h2::Options options;
  options.stream_window = kStreamWindow;
  std::optional<absl::Status> closed;
  const auto on_closed = [&](const absl::Status& why) { closed = why; };
  const auto accept = [&](const std::string&, const net::Metadata&) {
    return MakeSession(choices, ours);
  };
  auto socket = std::make_unique<h2::ScriptedSocket>(*loop, peer);
  const auto transport = accepts
                             ? h2::Transport::Server(std::move(socket), options, accept, on_closed)
                             : h2::Transport::Client(std::move(socket), options, on_closed);
  if (!accepts) {
    loop.Do(
        [&] { CHECK(transport->OpenStream("/x/Y", "hub", {}, MakeSession(choices, ours)).ok()); });
  }
  CHECK(loop.Await([&] { return closed.has_value(); })) << "did not end";
  for (const auto& endpoint : ours.endpoints) CHECK(!endpoint->open()) << "was not told of the end";
  CHECK(closed->message().find("lost count") == absl::string_view::npos) << *closed;
  const bool by_hang_up = closed->message() == "peer closed the connection";
  CHECK(ours.stalled || !by_hang_up || !peer.starved()) << "the stream's window leaked";
}

}  // namespace
}  // namespace hawser::tunnel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  hawser::tunnel::Run(data[0], {data + 1, size - 1});
  return 0;
}
