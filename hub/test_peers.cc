#include "hub/test_peers.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "lib/net/dialer.h"
#include "lib/net/tls_handshake.h"

namespace hawser::hub {
namespace {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Pulled;
using tunnel::Reason;

constexpr base::Duration kDeadline = std::chrono::seconds(20);

// Calls `done` on the shard's loop with a socket to the hub.
void ConnectTo(Shard& shard, const HubAddress& hub, net::SocketReady done) {
  net::EventLoop& loop = shard.loop();
  if (!hub.unix_path.empty()) {
    const auto fd = net::ConnectUnix(hub.unix_path);
    CHECK(fd.ok()) << fd.status();
    done(net::MakePlainSocket(loop, *fd));
    return;
  }
  auto tls = net::TlsContext::Client({.files = hub.files});
  CHECK(tls.ok()) << tls.status();
  auto attempt = std::make_shared<std::unique_ptr<net::ConnectAttempt>>();
  *attempt = net::Connect(
      loop, {{asio::ip::address_v4::loopback(), hub.port}}, kDeadline,
      [&loop, attempt, tls = *tls, done = std::move(done)](absl::StatusOr<int> fd) mutable {
        CHECK(fd.ok()) << fd.status();
        net::TlsConnect(loop, *fd, tls, "127.0.0.1", kDeadline, std::move(done));
        loop.Post([attempt] { attempt->reset(); });
      });
}

}  // namespace

void Awaited::Change(const std::function<void()>& change) {
  const std::lock_guard lock(mutex_);
  change();
  changed_.notify_all();
}

bool Awaited::Wait(const std::function<bool()>& condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kDeadline, condition);
}

// A target: gives back what it got, or says its piece.
class TestAgent::Target final : public tunnel::Endpoint {
 public:
  Target(TestAgent& agent, std::string piece, bool ended, bool stuck = false)
      : agent_(agent), pending_(std::move(piece)), ended_(ended), stuck_(stuck) {}

  void OnOpen(tunnel::Connection& connection) override {
    connection_ = &connection;
    agent_.awaited_.Change([this] { ++agent_.state_.open; });
    if (ended_) connection.Ready();
  }
  Pulled Pull(std::span<uint8_t> space) override {
    const size_t take = std::min(space.size(), pending_.size());
    std::copy_n(pending_.begin(), take, space.begin());
    pending_.erase(0, take);
    if (take > 0) return {Pulled::kBytes, take};
    return {ended_ ? Pulled::kEnd : Pulled::kDrained};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    if (stuck_) return;
    pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    connection_->Delivered(bytes.size());
    connection_->Ready();
  }
  void DeliverEnd() override {
    ended_ = true;
    connection_->Ready();
  }
  void OnClosed(const Failure* failure) override {
    if (std::exchange(connection_, nullptr) == nullptr) return;
    agent_.awaited_.Change([&] {
      --agent_.state_.open;
      agent_.state_.cut += failure != nullptr;
    });
  }
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

 private:
  TestAgent& agent_;
  tunnel::Connection* connection_ = nullptr;
  std::string pending_;
  bool ended_;
  const bool stuck_;
};

class TestAgent::Session final : public tunnel::DialedSession {
 public:
  explicit Session(TestAgent& agent) : DialedSession({}), agent_(agent) {}

  void OnHeaders(const net::Metadata& headers) override {
    DialedSession::OnHeaders(headers);
    agent_.awaited_.Change([&] { agent_.state_.connected = headers.Get("serverid"); });
  }
  void OnRemoteEnd(const absl::Status& status) override {
    agent_.awaited_.Change([&] {
      if (!agent_.state_.connected) agent_.state_.connected = status;
    });
    DialedSession::OnRemoteEnd(status);
  }
  void OnClosed(const absl::Status& status) override {
    agent_.session_ = nullptr;
    DialedSession::OnClosed(status);
    agent_.End(status);
  }

 protected:
  void OnDial(Request request) override {
    agent_.awaited_.Change([&] { agent_.state_.dials.push_back(request.address); });
    const std::string label = request.address.substr(0, request.address.find('.'));
    const bool first = agent_.options_.agent_id == "1";
    if (label == "full" && first) {
      RejectDial(request.dial_id, {Reason::kOverloaded, Hop::kAgent, "no room"});
    } else if (label == "echo" || label == "full" || (label == "held" && !first)) {
      AcceptDial(request.dial_id, std::make_shared<Target>(agent_, "", false));
    } else if (label == "name") {
      AcceptDial(request.dial_id, std::make_shared<Target>(agent_, agent_.options_.agent_id, true));
    } else if (label == "stuck") {
      AcceptDial(request.dial_id, std::make_shared<Target>(agent_, "", false, true));
    } else if (label == "late") {
      late_ = request.dial_id;
    } else if (label == "refused") {
      RejectDial(request.dial_id, {Reason::kRefused, Hop::kTarget,
                                   "dial tcp " + request.address + ": connection refused"});
    }
  }
  void OnDialCancelled(int64_t dial_id) override {
    agent_.awaited_.Change([this] { ++agent_.state_.cancelled; });
    if (dial_id != late_) return;
    wire::Packet answer;
    answer.set_type(wire::DIAL_RSP);
    answer.mutable_dial_response()->set_random(dial_id);
    answer.mutable_dial_response()->set_connect_id(4711);
    SendPacket(answer);
  }
  void OnDrain() override {
    agent_.awaited_.Change([this] { agent_.state_.drained = true; });
  }

 private:
  TestAgent& agent_;
  int64_t late_ = 0;
};

TestAgent::TestAgent(const Options& options) : options_(options) {
  shard_.Start();
  shard_.loop().Post([this] {
    ConnectTo(shard_, options_.hub, [this](absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
      const auto failed = [this](const absl::Status& status) { End(status); };
      if (!socket.ok()) {
        failed(socket.status());
        return;
      }
      transport_ = h2::Transport::Client(*std::move(socket), {}, failed);
      auto session = std::make_unique<Session>(*this);
      session_ = session.get();
      net::Metadata headers;
      headers.Add("agentid", options_.agent_id);
      headers.Add("agentidentifiers", options_.identifiers);
      if (!options_.token.empty()) headers.Add("authorization", "Bearer " + options_.token);
      if (!options_.plain) session->OfferFeatures(headers);
      const absl::Status opened =
          transport_->OpenStream("/AgentService/Connect", "localhost", headers, std::move(session));
      if (!opened.ok()) failed(opened);
    });
  });
}

TestAgent::~TestAgent() {
  Resume();
  Lose();
  shard_.Stop();
}

void TestAgent::End(const absl::Status& status) {
  awaited_.Change([&] {
    if (!state_.connected) state_.connected = status;
    if (!state_.ended) state_.ended = status;
  });
}

void TestAgent::Lose() {
  shard_.RunAndWait([this] { transport_.reset(); });
}

void TestAgent::Pause() {
  resumed_ = std::make_unique<std::promise<void>>();
  shard_.loop().Post([resumed = resumed_->get_future().share()] { resumed.wait(); });
}

void TestAgent::Resume() {
  if (resumed_ != nullptr) resumed_->set_value();
  resumed_.reset();
}

size_t TestAgent::streams_available() {
  size_t available = 0;
  shard_.RunAndWait([&] { available = transport_->streams_available(); });
  return available;
}

void TestAgent::Drain() {
  shard_.RunAndWait([this] { session_->SendDrain(); });
}

absl::StatusOr<std::string> TestAgent::Connected() {
  if (!awaited_.Wait([this] { return state_.connected.has_value(); }))
    return absl::DeadlineExceededError("the hub did not answer the agent");
  return *state_.connected;
}

absl::Status TestAgent::Ended() {
  if (!awaited_.Wait([this] { return state_.ended.has_value(); }))
    return absl::DeadlineExceededError("the agent's session did not end");
  return *state_.ended;
}

bool TestAgent::AwaitDials(size_t count) {
  return awaited_.Wait([&] { return state_.dials.size() >= count; });
}

bool TestAgent::AwaitCancelled(size_t count) {
  return awaited_.Wait([&] { return state_.cancelled >= count; });
}

bool TestAgent::AwaitOpen(size_t count) {
  return awaited_.Wait([&] { return state_.open == count; });
}

size_t TestAgent::cut() {
  size_t cut = 0;
  awaited_.Change([&] { cut = state_.cut; });
  return cut;
}

bool TestAgent::AwaitDrained() {
  return awaited_.Wait([this] { return state_.drained; });
}

bool TestAgent::drained() {
  bool drained = false;
  awaited_.Change([&] { drained = state_.drained; });
  return drained;
}

std::vector<std::string> TestAgent::dials() {
  std::vector<std::string> dials;
  awaited_.Change([&] { dials = state_.dials; });
  return dials;
}

// The client's side of a tunnel.
class TestClient::Tunnel::End final : public tunnel::Endpoint {
 public:
  // The session, which calls this, keeps the tunnel.
  explicit End(Tunnel& tunnel) : tunnel_(tunnel) {}

  void OnOpen(tunnel::Connection& connection) override {
    connection_ = &connection;
    connection.Ready();
  }
  Pulled Pull(std::span<uint8_t> space) override {
    const size_t take = std::min(space.size(), to_send.size());
    std::copy_n(to_send.begin(), take, space.begin());
    to_send.erase(0, take);
    if (take > 0) return {Pulled::kBytes, take};
    return {finished ? Pulled::kEnd : Pulled::kDrained};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    Change([&] {
      tunnel_.received_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    connection_->Delivered(bytes.size());
  }
  void DeliverEnd() override {
    Change([this] { tunnel_.ended_ = true; });
  }
  void OnClosed(const Failure* failure) override {
    connection_ = nullptr;
    Change([&] {
      tunnel_.closed_ = true;
      if (failure != nullptr) tunnel_.failure_ = *failure;
    });
  }
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

  void Wake() {
    if (connection_ != nullptr) connection_->Ready();
  }

  std::string to_send;
  bool finished = false;

 private:
  void Change(const std::function<void()>& change) { tunnel_.client_->awaited_.Change(change); }

  Tunnel& tunnel_;
  tunnel::Connection* connection_ = nullptr;
};

class TestClient::Tunnel::Session final : public tunnel::DialingSession {
 public:
  Session(std::shared_ptr<Tunnel> tunnel, std::string address, std::string early)
      : DialingSession({.one_connection = true}),
        tunnel_(std::move(tunnel)),
        address_(std::move(address)),
        early_(std::move(early)) {}

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialingSession::OnOpen(stream, headers);
    if (address_.empty()) return;
    dial_ = StartDial({address_, early_, kDeadline}, tunnel_->end_, [this](const Failure* failure) {
      tunnel_->client_->awaited_.Change([&] {
        tunnel_->answered_ = true;
        if (failure != nullptr) tunnel_->dial_failure_ = *failure;
      });
    });
  }
  void OnClosed(const absl::Status& status) override {
    tunnel_->session_ = nullptr;
    DialingSession::OnClosed(status);
    tunnel_->client_->awaited_.Change([&] { tunnel_->stream_end_ = status; });
  }
  void GiveUp() { CancelDial(dial_); }
  void Cancel() {
    GiveUp();
    stream()->Reset();
  }

 private:
  const std::shared_ptr<Tunnel> tunnel_;
  const std::string address_, early_;
  DialId dial_ = 0;
};

TestClient::TestClient(const HubAddress& hub, const h2::Options& options) {
  shard_.Start();
  shard_.loop().Post([this, hub, options] {
    ConnectTo(shard_, hub, [this, options](absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
      if (socket.ok()) {
        transport_ = h2::Transport::Client(*std::move(socket), options, [this](const auto& status) {
          awaited_.Change([&] { ended_ = status; });
        });
      }
      awaited_.Change([&] { connected_ = socket.status(); });
    });
  });
}

TestClient::~TestClient() {
  shard_.RunAndWait([this] { transport_.reset(); });
  shard_.Stop();
}

absl::Status TestClient::Connected() {
  if (!awaited_.Wait([this] { return connected_.has_value(); }))
    return absl::DeadlineExceededError("the client did not connect");
  return *connected_;
}

absl::Status TestClient::Ended() {
  if (!awaited_.Wait([this] { return ended_.has_value(); }))
    return absl::DeadlineExceededError("the client's connection did not end");
  return *ended_;
}

std::shared_ptr<TestClient::Tunnel> TestClient::Dial(const std::string& address,
                                                     const std::string& early) {
  auto tunnel = std::make_shared<Tunnel>();
  tunnel->client_ = this;
  shard_.RunAndWait([&] {
    tunnel->end_ = std::make_shared<Tunnel::End>(*tunnel);
    auto session = std::make_unique<Tunnel::Session>(tunnel, address, early);
    tunnel->session_ = session.get();
    net::Metadata headers;
    session->OfferFeatures(headers);
    const absl::Status opened =
        transport_->OpenStream("/ProxyService/Proxy", "localhost", headers, std::move(session));
    CHECK(opened.ok()) << opened;
  });
  return tunnel;
}

absl::Status TestClient::Tunnel::StreamEnded() {
  if (!client_->awaited_.Wait([this] { return stream_end_.has_value(); }))
    return absl::InternalError("the stream did not end");
  return *stream_end_;
}

std::optional<Failure> TestClient::Tunnel::Dialled() {
  if (!client_->awaited_.Wait([this] { return answered_; }))
    return Failure{Reason::kTimedOut, Hop::kClient, "the dial was not answered"};
  return dial_failure_;
}

void TestClient::Tunnel::Send(const std::string& bytes) {
  client_->shard_.RunAndWait([&] {
    end_->to_send += bytes;
    end_->Wake();
  });
}

void TestClient::Tunnel::Finish() {
  client_->shard_.RunAndWait([this] {
    end_->finished = true;
    end_->Wake();
  });
}

void TestClient::Tunnel::Cancel() {
  client_->shard_.RunAndWait([this] {
    if (session_ != nullptr) session_->Cancel();
  });
}

void TestClient::Tunnel::CancelDial() {
  client_->shard_.RunAndWait([this] {
    if (session_ != nullptr) session_->GiveUp();
  });
}

bool TestClient::Tunnel::AwaitReceived(const std::string& bytes) {
  return client_->awaited_.Wait([&] { return received_ == bytes; });
}

bool TestClient::Tunnel::AwaitReceived(size_t size) {
  return client_->awaited_.Wait([&] { return received_.size() >= size; });
}

bool TestClient::Tunnel::AwaitEnd() {
  return client_->awaited_.Wait([this] { return ended_ || closed_; });
}

std::optional<Failure> TestClient::Tunnel::Closed() {
  if (!client_->awaited_.Wait([this] { return closed_; }))
    return Failure{Reason::kTimedOut, Hop::kClient, "the connection did not close"};
  return failure_;
}

}  // namespace hawser::hub
