#include "lib/net/dialer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/socket_address.h"

namespace hawser::net {
namespace {

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

constexpr base::Duration kStagger = std::chrono::milliseconds(250);

class TcpConnectAttempt final : public ConnectAttempt {
 public:
  TcpConnectAttempt(EventLoop& loop, Endpoints endpoints, base::Duration deadline, Connected done)
      : loop_(loop),
        endpoints_(InterleaveFamilies(std::move(endpoints))),
        done_(std::move(done)),
        last_error_(absl::NotFoundError("connect: no address")),
        next_turn_(loop),
        deadline_(loop) {
    deadline_.Set(deadline, [this] {
      const std::string last = next_ > 0 ? EndpointText(endpoints_[next_ - 1]) : "nowhere";
      Finish(absl::DeadlineExceededError("connect to " + last + ": timed out"));
    });
    TryNext();
  }

  ~TcpConnectAttempt() override {
    if (connected_ >= 0) ::close(connected_);
  }

 private:
  // Does not call back, since the constructor calls it.
  void TryNext() {
    if (next_ == endpoints_.size()) {
      if (pending_.empty()) InNextTurn([this] { Finish(last_error_); });
      return;
    }
    const asio::ip::tcp::endpoint& endpoint = endpoints_[next_++];
    if (next_ < endpoints_.size()) next_turn_.Set(kStagger, [this] { TryNext(); });
    const int fd =
        ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      Failed(errno, endpoint);
    } else if (::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) {
      connected_ = fd;  // on this machine
      pending_.clear();
      InNextTurn([this] { Finish(std::exchange(connected_, -1)); });
    } else if (errno == EINPROGRESS) {
      AwaitConnection(fd, endpoint);
    } else {
      Failed(errno, endpoint);
      ::close(fd);
    }
  }

  void AwaitConnection(int fd, const asio::ip::tcp::endpoint& endpoint) {
    if (pending_.size() == kMostOpen) pending_.erase(pending_.begin());
    pending_.push_back(std::make_unique<DescriptorWatch>(loop_, fd));
    DescriptorWatch* const watch = pending_.back().get();
    watch->WaitWritable([this, watch, &endpoint] {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(watch->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) {
        Finish(watch->Release());
        return;
      }
      std::erase_if(pending_, [watch](const auto& pending) { return pending.get() == watch; });
      Failed(error, endpoint);
    });
  }

  void Failed(int error, const asio::ip::tcp::endpoint& endpoint) {
    last_error_ = base::ErrnoStatus(error, "connect to " + EndpointText(endpoint));
    InNextTurn([this] { TryNext(); });
  }

  void InNextTurn(base::Closure work) { next_turn_.Set(base::Duration::zero(), std::move(work)); }

  void Finish(absl::StatusOr<int> result) {
    next_turn_.Cancel();
    deadline_.Cancel();
    pending_.clear();
    Connected done = std::move(done_);
    done(std::move(result));  // may destroy this
  }

  EventLoop& loop_;
  const Endpoints endpoints_;
  Connected done_;
  size_t next_ = 0;
  int connected_ = -1;
  absl::Status last_error_;
  std::vector<std::unique_ptr<DescriptorWatch>> pending_;
  base::Timer next_turn_;
  base::Timer deadline_;
};

}  // namespace

std::vector<asio::ip::tcp::endpoint> InterleaveFamilies(
    std::vector<asio::ip::tcp::endpoint> endpoints) {
  if (endpoints.empty()) return endpoints;
  const auto first_family = endpoints.front().protocol();
  const auto middle = std::stable_partition(endpoints.begin(), endpoints.end(), [&](const auto& e) {
    return e.protocol() == first_family;
  });
  std::vector<asio::ip::tcp::endpoint> result;
  for (auto a = endpoints.begin(), b = middle; a != middle || b != endpoints.end();) {
    if (a != middle) result.push_back(*a++);
    if (b != endpoints.end()) result.push_back(*b++);
  }
  return result;
}

std::unique_ptr<ConnectAttempt> Connect(EventLoop& loop,
                                        std::vector<asio::ip::tcp::endpoint> endpoints,
                                        base::Duration deadline, Connected done) {
  return std::make_unique<TcpConnectAttempt>(loop, std::move(endpoints), deadline, std::move(done));
}

absl::StatusOr<int> ConnectUnix(const std::string& path) {
  HAWSER_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::ErrnoStatus(errno, "connect to unix:" + path);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(fd);
    return base::ErrnoStatus(error, "connect to unix:" + path);
  }
  return fd;
}

}  // namespace hawser::net
