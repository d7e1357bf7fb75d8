#include "lib/net/upgrade_dial.h"

#include <utility>
#include <vector>

#include "lib/net/tls_handshake.h"

namespace hawser::net {
namespace {

using Done = absl::AnyInvocable<void(absl::StatusOr<UpgradeAnswer>)>;

// resolve -> connect -> (TLS) -> write the request -> read the head of the answer
class UpgradeAttempt final : public ConnectAttempt {
 public:
  UpgradeAttempt(EventLoop& loop, Resolver& resolver, UpgradeRequest request,
                 base::Duration deadline, Done done)
      : loop_(loop),
        resolver_(resolver),
        request_(std::move(request)),
        due_(loop.Now() + deadline),
        done_(std::move(done)),
        deadline_(loop) {
    deadline_.Set(deadline, [this] { Fail(absl::DeadlineExceededError("no answer in time")); });
    lookup_ = resolver.Resolve(request_.server.host, deadline,
                               [this](const auto& addresses) { OnResolved(addresses); });
  }

 private:
  base::Duration TimeLeft() const { return due_ - loop_.Now(); }

  void OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses) {
    if (!addresses.ok()) {
      Fail(addresses.status());
      return;
    }
    std::vector<asio::ip::tcp::endpoint> endpoints;
    for (const asio::ip::address& address : *addresses)
      endpoints.emplace_back(address, request_.server.port);
    connect_ = Connect(loop_, std::move(endpoints), TimeLeft(),
                       [this](absl::StatusOr<int> fd) { OnConnected(std::move(fd)); });
  }

  void OnConnected(absl::StatusOr<int> fd) {
    if (!fd.ok()) {
      Fail(fd.status());
    } else if (request_.tls != nullptr) {
      TlsConnect(loop_, *fd, request_.tls, request_.server_name, TimeLeft(),
                 [this, alive = std::weak_ptr<char>(alive_)](auto socket) {
                   if (!alive.expired()) OnSecured(std::move(socket));
                 });
    } else {
      answer_.socket = MakePlainSocket(loop_, *fd);
      WriteRequest();
    }
  }

  void OnSecured(absl::StatusOr<std::unique_ptr<Socket>> socket) {
    if (!socket.ok()) {
      Fail(socket.status());
      return;
    }
    answer_.socket = *std::move(socket);
    WriteRequest();
  }

  void WriteRequest() {
    Socket& socket = *answer_.socket;
    while (written_ < request_.head.size()) {
      const iovec rest{request_.head.data() + written_, request_.head.size() - written_};
      const Socket::Result result = socket.Write({&rest, 1});
      if (result.kind == Socket::Result::kWouldBlock) {
        socket.WaitWritable([this] { WriteRequest(); });
        return;
      }
      if (result.kind != Socket::Result::kOk) {
        Fail(socket.error());
        return;
      }
      written_ += result.bytes;
    }
    ReadReply();
  }

  void ReadReply() {
    Socket& socket = *answer_.socket;
    while (!answer_.reply.complete()) {
      uint8_t space[4096];
      const Socket::Result result = socket.Read(space);
      if (result.kind == Socket::Result::kWouldBlock) {
        socket.WaitReadable([this] { ReadReply(); });
        return;
      }
      if (result.kind != Socket::Result::kOk) {
        Fail(result.kind == Socket::Result::kEnd ? absl::UnavailableError("closed the connection")
                                                 : socket.error());
        return;
      }
      const auto used = answer_.reply.Feed({space, result.bytes});
      if (!used.ok()) {
        Fail(used.status());
        return;
      }
      answer_.rest.assign(space + *used, space + result.bytes);
    }
    Finish(std::move(answer_));
  }

  void Fail(const absl::Status& status) {
    resolver_.Forget(request_.server.host);  // it may be elsewhere by now
    Finish(status);
  }

  void Finish(absl::StatusOr<UpgradeAnswer> result) {
    deadline_.Cancel();
    lookup_.reset();
    connect_.reset();
    alive_.reset();
    answer_ = {};
    Done done = std::exchange(done_, nullptr);
    done(std::move(result));  // may destroy this
  }

  EventLoop& loop_;
  Resolver& resolver_;
  UpgradeRequest request_;
  const base::Time due_;
  Done done_;
  base::Timer deadline_;
  std::unique_ptr<Lookup> lookup_;
  std::unique_ptr<ConnectAttempt> connect_;
  size_t written_ = 0;  // of the request
  UpgradeAnswer answer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for the handshake, never cancelled
};

}  // namespace

std::unique_ptr<ConnectAttempt> RequestUpgrade(EventLoop& loop, Resolver& resolver,
                                               UpgradeRequest request, base::Duration deadline,
                                               Done done) {
  return std::make_unique<UpgradeAttempt>(loop, resolver, std::move(request), deadline,
                                          std::move(done));
}

}  // namespace hawser::net
