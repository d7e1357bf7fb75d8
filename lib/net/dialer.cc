#include "lib/net/dialer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "lib/base/status.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/socket_address.h"

namespace hawser::net {
namespace {

constexpr base::Duration kStagger = std::chrono::milliseconds(250);

class TcpConnectAttempt final : public ConnectAttempt {
 public:
  TcpConnectAttempt(EventLoop& loop, std::vector<asio::ip::tcp::endpoint> endpoints,
                    base::Duration deadline, Connected done)
      : loop_(loop),
        endpoints_(std::move(endpoints)),
        done_(std::move(done)),
        last_error_(absl::NotFoundError("connect: no address")),
        stagger_(loop),
        deadline_(loop) {
    deadline_.Set(deadline, [this] {
      const bool tried = next_ > 0;
      Finish(absl::DeadlineExceededError(
          "connect to " + (tried ? EndpointText(endpoints_[next_ - 1]) : std::string("nowhere")) +
          ": timed out"));
    });
    stagger_.Set(base::Duration::zero(), [this] { TryNext(); });
  }

  ~TcpConnectAttempt() override {
    for (const auto& watch : pending_) watch->Close();
  }

 private:
  void TryNext() {
    if (next_ == endpoints_.size()) {
      if (pending_.empty()) Finish(last_error_);
      return;
    }
    const asio::ip::tcp::endpoint& endpoint = endpoints_[next_++];
    stagger_.Set(kStagger, [this] { TryNext(); });
    const int fd =
        ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      Failed(errno, endpoint);
      return;
    }
    if (::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
        errno != EINPROGRESS) {
      const int error = errno;
      ::close(fd);
      Failed(error, endpoint);
      return;
    }
    auto watch = std::make_shared<DescriptorWatch>(loop_, fd);
    pending_.push_back(watch);
    watch->WaitWritable([this, watch, endpoint] { OnWritable(watch, endpoint); });
  }

  void OnWritable(const std::shared_ptr<DescriptorWatch>& watch,
                  const asio::ip::tcp::endpoint& endpoint) {
    std::erase(pending_, watch);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(watch->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
      Finish(watch->Release());
      return;
    }
    watch->Close();
    Failed(error, endpoint);
  }

  void Failed(int error, const asio::ip::tcp::endpoint& endpoint) {
    last_error_ = base::ErrnoStatus(error, "connect to " + EndpointText(endpoint));
    stagger_.Set(base::Duration::zero(), [this] { TryNext(); });
  }

  void Finish(absl::StatusOr<int> result) {
    stagger_.Cancel();
    deadline_.Cancel();
    for (const auto& watch : pending_) watch->Close();
    pending_.clear();
    Connected done = std::move(done_);
    done(std::move(result));  // may destroy this
  }

  EventLoop& loop_;
  const std::vector<asio::ip::tcp::endpoint> endpoints_;
  Connected done_;
  size_t next_ = 0;
  absl::Status last_error_;
  std::vector<std::shared_ptr<DescriptorWatch>> pending_;
  base::Timer stagger_;
  base::Timer deadline_;
};

}  // namespace

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
