#include "lib/client/fake_front_end.h"

#include <glog/logging.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <future>
#include <utility>

#include "lib/client/client_session.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_handshake.h"
#include "lib/tunnel/dialed_session.h"

namespace hawser::client {
namespace {

using tunnel::Connection;
using tunnel::Failure;
using tunnel::Hop;
using tunnel::Pulled;
using tunnel::Reason;

class Source final : public tunnel::Endpoint {
 public:
  void OnOpen(Connection& connection) override { connection.Ready(); }
  Pulled Pull(std::span<uint8_t> space) override {
    std::memset(space.data(), 's', space.size());
    return {Pulled::kBytes, space.size()};
  }
  void Deliver(std::span<const uint8_t>) override {}
  void DeliverEnd() override {}
  void OnClosed(const Failure*) override {}
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }
};

class Resetting final : public tunnel::Endpoint {
 public:
  void OnOpen(Connection& connection) override { connection_ = &connection; }
  Pulled Pull(std::span<uint8_t>) override { return {Pulled::kDrained}; }
  void Deliver(std::span<const uint8_t>) override {
    connection_->Close({Reason::kReset, Hop::kTarget, "connection reset by peer"});
  }
  void DeliverEnd() override {}
  void OnClosed(const Failure*) override {}
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

 private:
  Connection* connection_ = nullptr;
};

// Says something, takes little, and ends.
class Leaving final : public tunnel::Endpoint {
 public:
  void OnOpen(Connection& connection) override { connection_ = &connection; }
  Pulled Pull(std::span<uint8_t> space) override {
    if (std::exchange(said_, true)) return {Pulled::kDrained};
    std::memcpy(space.data(), "no", 2);
    return {Pulled::kBytes, 2};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    connection_->Delivered(bytes.size());
    bytes_ += bytes.size();
    if (!said_) connection_->Ready();
    if (said_ && bytes_ >= 100'000) connection_->Close();
  }
  void DeliverEnd() override {}
  void OnClosed(const Failure*) override {}
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

 private:
  Connection* connection_ = nullptr;
  size_t bytes_ = 0;
  bool said_ = false;
};

tunnel::SessionOptions SessionOptions() {
  tunnel::SessionOptions options;
  options.one_connection = true;
  return options;
}

}  // namespace

class FakeFrontEnd::Echo final : public tunnel::Endpoint {
 public:
  explicit Echo(FakeFrontEnd& front) : front_(front) {}
  void OnOpen(Connection& connection) override { connection_ = &connection; }
  Pulled Pull(std::span<uint8_t> space) override {
    const size_t bytes = std::min(space.size(), queue_.size());
    std::memcpy(space.data(), queue_.data(), bytes);
    queue_.erase(0, bytes);
    connection_->Delivered(bytes);
    if (bytes > 0) return {Pulled::kBytes, bytes};
    return {ended_ ? Pulled::kEnd : Pulled::kDrained};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    front_.See([&](Seen& seen) { seen.received += bytes.size(); });
    queue_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    connection_->Ready();
  }
  void DeliverEnd() override {
    ended_ = true;
    connection_->Ready();
  }
  void OnClosed(const Failure* failure) override {
    connection_ = nullptr;
    if (failure != nullptr) front_.See([](Seen& seen) { ++seen.cut; });
  }
  tunnel::Presence Look() override { return tunnel::Presence::kHere; }

 private:
  FakeFrontEnd& front_;
  Connection* connection_ = nullptr;
  std::string queue_;
  bool ended_ = false;
};

class FakeFrontEnd::Session final : public tunnel::DialedSession {
 public:
  Session(FakeFrontEnd& front, bool silent)
      : DialedSession(SessionOptions()), front_(front), silent_(silent) {
    front_.See([](Seen& seen) { ++seen.sessions; });
  }
  ~Session() override {
    front_.See([](Seen& seen) { --seen.sessions; });
  }

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    if (silent_) return DialedSession::OnOpen(stream, net::Metadata());
    const bool plain = front_.options_.plain;
    DialedSession::OnOpen(stream, plain ? net::Metadata() : headers);
    net::Metadata answer;
    if (!plain) AnswerFeatures(answer);
    stream.SendHeaders(answer);
  }

 private:
  void OnDial(Request request) override {
    const std::string host = request.address.substr(0, request.address.find_first_of(".:"));
    if (host == "echo") {
      AcceptDial(request.dial_id, std::make_shared<Echo>(front_));
    } else if (host == "source") {
      AcceptDial(request.dial_id, std::make_shared<Source>());
    } else if (host == "leaving") {
      AcceptDial(request.dial_id, std::make_shared<Leaving>());
    } else if (host == "reset") {
      AcceptDial(request.dial_id, std::make_shared<Resetting>());
    } else if (host == "refused") {
      RejectDial(request.dial_id, {Reason::kRefused, Hop::kTarget,
                                   "dial tcp 10.96.0.10:80: connect: connection refused"});
    } else if (host == "missing") {
      RejectDial(request.dial_id, {Reason::kNoAgent, Hop::kHub, "No agent available"});
    }
    front_.See([](Seen& seen) { ++seen.dials; });
  }
  void OnDialCancelled(int64_t) override {
    front_.See([](Seen& seen) { ++seen.cancelled; });
  }

  FakeFrontEnd& front_;
  const bool silent_;
};

FakeFrontEnd::FakeFrontEnd(const Options& options) : options_(options) {
  std::string pattern = std::filesystem::temp_directory_path() / "front.XXXXXX";
  CHECK(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  auto listener = options.tls == nullptr
                      ? net::Listener::Unix(loop_, folder_ / "front.sock")
                      : net::Listener::Tcp(loop_, net::BindEndpoint("127.0.0.1", 0).value());
  CHECK(listener.ok()) << listener.status();
  listener_ = *std::move(listener);
  address_ = listener_->address();
  listener_->Start([this](int fd) { Accept(fd); });
  thread_ = std::thread([this] { loop_.Run(); });
}

FakeFrontEnd::~FakeFrontEnd() {
  loop_.Post([this] {
    listener_.reset();
    links_.clear();
    loop_.Stop();
  });
  thread_.join();
  std::filesystem::remove_all(folder_);
}

void FakeFrontEnd::Accept(int fd) {
  if (options_.tls == nullptr) return Serve(net::MakePlainSocket(loop_, fd));
  net::TlsAccept(loop_, fd, options_.tls, std::chrono::seconds(10),
                 [this](absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
                   if (socket.ok()) Serve(*std::move(socket));
                 });
}

void FakeFrontEnd::Serve(std::unique_ptr<net::Socket> socket) {
  h2::Options options;
  options.max_streams = options_.max_streams;
  const auto link = links_.emplace(links_.end());
  *link = h2::Transport::Server(
      std::move(socket), options,
      [this, silent = links() < options_.silent_links](
          const std::string& path, const net::Metadata&) -> std::unique_ptr<net::StreamHandler> {
        if (path != ClientSession::kMethod) return nullptr;
        return std::make_unique<Session>(*this, silent);
      },
      [this, link](const absl::Status&) { links_.erase(link); });
  See([](Seen& seen) { ++seen.links; });
}

void FakeFrontEnd::DropLinks() {
  std::promise<void> dropped;
  loop_.Post([&] {
    links_.clear();
    dropped.set_value();
  });
  dropped.get_future().wait();
}

template <typename Change>
void FakeFrontEnd::See(Change change) {
  const std::lock_guard lock(mutex_);
  change(seen_);
  changed_.notify_all();
}

template <typename Condition>
void FakeFrontEnd::Await(Condition condition) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return condition(seen_); });
}

void FakeFrontEnd::AwaitDials(size_t count) {
  Await([count](const Seen& seen) { return seen.dials >= count; });
}

void FakeFrontEnd::AwaitCancelled(size_t count) {
  Await([count](const Seen& seen) { return seen.cancelled >= count; });
}

void FakeFrontEnd::AwaitIdle() {
  Await([](const Seen& seen) { return seen.sessions == 0; });
}

size_t FakeFrontEnd::received() const {
  const std::lock_guard lock(mutex_);
  return seen_.received;
}

size_t FakeFrontEnd::cut() const {
  const std::lock_guard lock(mutex_);
  return seen_.cut;
}

size_t FakeFrontEnd::links() const {
  const std::lock_guard lock(mutex_);
  return seen_.links;
}

}  // namespace hawser::client
