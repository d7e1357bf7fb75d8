#include "hub/connect_front.h"

#include <algorithm>
#include <array>
#include <utility>

#include "hub/client_identity.h"
#include "hub/routed_dial.h"
#include "lib/base/status.h"
#include "lib/tunnel/socket_endpoint.h"

namespace hawser::hub {

using tunnel::Failure;

namespace {

// The client's socket as the dialler: it moves to the session's loop itself.
class SocketDialler final : public Dialler {
 public:
  SocketDialler(ConnectFront& front, ConnectRequest request)
      : front_(front), request_(std::move(request)) {}

  void MoveTo(Shard& shard, base::Closure then) override {
    TakeBack();
    if (&request_.socket->loop() == &shard.loop()) {
      then();
      return;
    }
    // `then` holds the dial, and that this.
    net::Socket::MoveTo(
        std::move(request_.socket), shard.loop(),
        [this, then = std::move(then)](std::unique_ptr<net::Socket> socket) mutable {
          request_.socket = std::move(socket);
          then();
        });
  }

  Attempt Prepare(const std::shared_ptr<RoutedDial>& dial, Shard& shard,
                  size_t early_limit) override {
    endpoint_ = tunnel::SocketEndpoint::Make(std::move(request_.socket),
                                             std::move(request_.read_ahead), tunnel::Hop::kClient);
    endpoint_->SetGreeting(kEstablished);
    endpoint_->ChargeTo(request_.admission->memory);
    endpoint_->OnDone([admission = request_.admission](const Failure*) {});
    EndWithCredential(dial, shard);
    endpoint_->OnHangUp(tunnel::DialWatch::End::kIsGone, [weak = std::weak_ptr(dial)] {
      if (const auto pending = weak.lock()) pending->Cancel();
    });
    return {endpoint_, endpoint_->TakeEarly(early_limit)};
  }

  void OnDialed(Shard& shard, const Failure* failure) override {
    if (failure == nullptr) return;
    TakeBack();
    request_.admission->credential.OnEnd(nullptr);  // what is left has a deadline
    front_.Refuse(shard, std::move(request_.socket), std::move(request_.admission),
                  HttpReply(*failure));
  }

 private:
  // Ends the dial, or the tunnel that came of it.
  void EndWithCredential(const std::shared_ptr<RoutedDial>& dial, Shard& shard) {
    request_.admission->credential.OnEnd(
        [dial = std::weak_ptr(dial), tunnel = std::weak_ptr(endpoint_), &shard](
            Credentials::Ending how, const absl::Status& why) {
          if (how != Credentials::Ending::kNow) return;
          shard.loop().Post([dial, tunnel, why = std::string(why.message())] {
            if (const auto pending = dial.lock()) pending->Cancel();
            if (const auto open = tunnel.lock())
              open->Abort({tunnel::Reason::kPolicyDenied, tunnel::Hop::kHub, why});
          });
        });
  }
  // From an endpoint whose dial failed: nothing that the client said meanwhile is lost.
  void TakeBack() {
    if (endpoint_ == nullptr) return;
    tunnel::DialWatch::Client client = endpoint_->TakeBack();
    request_.socket = std::move(client.socket);
    request_.read_ahead = std::move(client.read_ahead);
    endpoint_ = nullptr;
  }

  ConnectFront& front_;
  ConnectRequest request_;
  std::shared_ptr<tunnel::SocketEndpoint> endpoint_;
};

}  // namespace

// Reads one head. Owned by the front end.
class ConnectFront::HeadReader {
 public:
  HeadReader(ConnectFront& front, Shard& shard, uint64_t id, std::unique_ptr<net::Socket> socket,
             Admission admission)
      : front_(front), shard_(shard), id_(id), deadline_(shard.loop()) {
    request_.socket = std::move(socket);
    request_.admission = std::make_shared<Admission>(std::move(admission));
    deadline_.Set(front.options_.head_timeout,
                  [this] { Refuse(408, "the request did not arrive in time"); });
    request_.admission->credential.OnEnd([&front, &shard, id](Credentials::Ending how, auto&) {
      if (how != Credentials::Ending::kNow) return;
      shard.loop().Post([&front, &shard, id] { front.local_.at(&shard).reading.erase(id); });
    });
    request_.socket->WaitReadable([this] { Read(); });
  }

 private:
  void Read() {
    std::array<uint8_t, 16 * 1024> buffer;
    const net::Socket::Result result = request_.socket->Read(buffer);
    switch (result.kind) {
      case net::Socket::Result::kOk: OnBytes({buffer.data(), result.bytes}); return;
      case net::Socket::Result::kWouldBlock:
        request_.socket->WaitReadable([this] { Read(); });
        return;
      case net::Socket::Result::kEnd:
      case net::Socket::Result::kError: Release(); return;
    }
  }

  void OnBytes(std::span<const uint8_t> bytes) {
    const auto used = head_.Feed(bytes);
    if (!used.ok()) {
      const bool too_long = used.status().code() == absl::StatusCode::kResourceExhausted;
      Refuse(too_long ? 431 : 400, std::string(used.status().message()));
      return;
    }
    if (!head_.complete()) {
      request_.socket->WaitReadable([this] { Read(); });
      return;
    }
    if (head_.method() != "CONNECT") {
      Refuse(405, "this proxy only supports CONNECT passthrough");
      return;
    }
    auto target = base::ParseHostPort(head_.target());
    if (!target.ok()) {
      Refuse(400, std::string(target.status().message()));
      return;
    }
    request_.target = *std::move(target);
    bytes = bytes.subspan(*used);
    request_.read_ahead.assign(bytes.begin(), bytes.end());
    ConnectFront& front = front_;
    Shard& shard = shard_;
    ConnectRequest request = Release();
    front.Dial(shard, std::move(request));
  }

  void Refuse(int status, const std::string& text) {
    ConnectFront& front = front_;
    Shard& shard = shard_;
    ++shard.counters.refused_requests;
    ConnectRequest request = Release();
    front.Refuse(shard, std::move(request.socket), std::move(request.admission),
                 HttpReply(status, text));
  }

  // Gives the connection up and destroys this.
  ConnectRequest Release() {
    ConnectRequest request = std::move(request_);
    front_.local_.at(&shard_).reading.erase(id_);
    return request;
  }

  ConnectFront& front_;
  Shard& shard_;
  const uint64_t id_;
  base::Timer deadline_;
  net::Http1Head head_;
  ConnectRequest request_;
};

ConnectFront::ConnectFront(Options options, const Shards& shards, ConnectionLimits& limits,
                           Credentials& credentials, SessionRegistry& registry)
    : options_(std::move(options)),
      shards_(shards),
      registry_(registry),
      port_(
          options_.socket, shards, limits, credentials,
          [this](const net::PeerInfo& peer) {
            return ClientIdentityOf(peer, options_.trust_domain);
          },
          [this](Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission) {
            OnConnection(shard, std::move(socket), std::move(admission));
          }) {
  for (const auto& shard : shards_) local_[shard.get()];
}

ConnectFront::~ConnectFront() = default;

void ConnectFront::Close() {
  for (auto& [shard, local] : local_) {
    shard->RunAndWait([&local = local] {
      local.reading.clear();
      local.refused.clear();
    });
  }
}

void ConnectFront::OnConnection(Shard& shard, std::unique_ptr<net::Socket> socket,
                                Admission admission) {
  if (!admission.refused.ok()) {
    const std::string why(admission.refused.message());
    return Refuse(shard, std::move(socket), std::make_shared<Admission>(std::move(admission)),
                  HttpReply({tunnel::Reason::kPolicyDenied, tunnel::Hop::kHub, why}));
  }
  Local& local = local_.at(&shard);
  const uint64_t id = ++local.last_id;
  local.reading[id] =
      std::make_unique<HeadReader>(*this, shard, id, std::move(socket), std::move(admission));
}

void ConnectFront::Dial(Shard& shard, ConnectRequest request) {
  RoutedDial::Request dial{request.target, options_.dial_timeout, request.admission->identity,
                           request.admission->memory, request.admission->connection_memory};
  RoutedDial::Start(registry_, shard, std::move(dial),
                    std::make_unique<SocketDialler>(*this, std::move(request)));
}

void ConnectFront::Refuse(Shard& shard, std::unique_ptr<net::Socket> socket,
                          std::shared_ptr<Admission> admission, std::string reply) {
  Local& local = local_.at(&shard);
  const uint64_t id = ++local.last_id;
  Refused& refused = local.refused[id];
  refused.admission = std::move(admission);
  refused.last_words = std::make_unique<LastWords>(std::move(socket), std::move(reply),
                                                   [&local, id] { local.refused.erase(id); });
}

}  // namespace hawser::hub
