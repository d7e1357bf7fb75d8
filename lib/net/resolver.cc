#include "lib/net/resolver.h"

#include <ares.h>
#include <glog/logging.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "lib/base/quote.h"
#include "lib/net/descriptor_watch.h"

namespace hawser::net {
namespace {

constexpr size_t kMaxName = 253;  // RFC 1035, as text
constexpr int kTryMilliseconds = 1500;
constexpr int kTries = 4;

bool IsName(const std::string& host) {
  return !host.empty() && host.size() <= kMaxName &&
         std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

absl::Status LookupError(int ares_status, const std::string& host) {
  const std::string what = "lookup " + host + ": ";
  switch (ares_status) {
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
    case ARES_EBADNAME: return absl::NotFoundError(what + "no such host");
    case ARES_ETIMEOUT: return absl::DeadlineExceededError(what + "timed out");
    default: return absl::UnavailableError(what + ares_strerror(ares_status));
  }
}

std::vector<asio::ip::address> Addresses(const ares_addrinfo& info) {
  std::vector<asio::ip::address> addresses;
  for (const ares_addrinfo_node* node = info.nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(node->ai_addr);
      addresses.emplace_back(asio::ip::address_v4(ntohl(address->sin_addr.s_addr)));
    } else if (node->ai_family == AF_INET6) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(node->ai_addr);
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &address->sin6_addr, bytes.size());
      addresses.emplace_back(asio::ip::address_v6(bytes, address->sin6_scope_id));
    }
  }
  return addresses;
}

}  // namespace

// Has a c-ares channel of its own, because a channel can only be cancelled as a whole. c-ares opens
// and closes the sockets and says what to wait for; `result_` is acted upon when it has returned.
class Resolver::DnsLookup final : public Lookup {
 public:
  DnsLookup(Resolver& resolver, const std::string& host, base::Duration deadline, Resolved done)
      : resolver_(resolver),
        host_(host),
        done_(std::move(done)),
        retry_(resolver.loop_),
        deadline_(resolver.loop_) {
    deadline_.Set(deadline, [this] { Finish(LookupError(ARES_ETIMEOUT, host_)); });
  }

  ~DnsLookup() override { Stop(); }

  // Answers in a later turn with what is known already.
  void Answer(absl::StatusOr<std::vector<asio::ip::address>> result) {
    result_ = std::move(result);
    answered_ = true;
    Proceed();
  }

  void Queue() {
    place_ = Place::kWaiting;
    resolver_.waiting_.push_back(this);
  }

  void Start() {
    place_ = Place::kRunning;
    ares_options options{};
    options.timeout = kTryMilliseconds;
    options.tries = kTries;
    options.lookups = const_cast<char*>("fb");  // files, then "bind": DNS
    options.sock_state_cb = [](void* self, int fd, int readable, int writable) {
      static_cast<DnsLookup*>(self)->Watch(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    int status = ares_init_options(
        &channel_, &options,
        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    const std::string& servers = resolver_.options_.servers;
    if (status == ARES_SUCCESS && !servers.empty())
      status = ares_set_servers_ports_csv(channel_, servers.c_str());
    if (status != ARES_SUCCESS) {
      Answer(LookupError(status, host_));
      return;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(
        channel_, host_.c_str(), nullptr, &hints,
        [](void* self, int result, int, ares_addrinfo* info) {
          static_cast<DnsLookup*>(self)->OnResult(result, info);
        },
        this);
    Proceed();
  }

 private:
  // Among the resolver's lookups.
  enum class Place { kNone, kWaiting, kRunning };
  struct DnsSocket {
    std::unique_ptr<DescriptorWatch> watch;
    bool writing = false;  // c-ares has something to send
  };

  void OnResult(int status, ares_addrinfo* info) {
    answered_ = true;
    if (status == ARES_SUCCESS) {
      result_ = Addresses(*info);
      ares_freeaddrinfo(info);
      status = result_->empty() ? ARES_ENODATA : ARES_SUCCESS;
    }
    if (status != ARES_SUCCESS) result_ = LookupError(status, host_);
  }

  // c-ares opened `fd`, wants something else of it, or (neither) is about to close it.
  void Watch(int fd, bool readable, bool writable) {
    if (!readable && !writable) {
      const auto node = sockets_.extract(fd);
      if (!node.empty()) node.mapped().watch->Release();
      return;
    }
    DnsSocket& socket = sockets_[fd];
    if (socket.watch == nullptr) {
      socket.watch = std::make_unique<DescriptorWatch>(resolver_.loop_, fd);
      WaitReadable(socket);
    }
    if (writable && !socket.writing) WaitWritable(socket);
    socket.writing = writable;
  }

  void WaitReadable(DnsSocket& socket) {
    socket.watch->WaitReadable([this, fd = socket.watch->fd()] {
      Process(fd, ARES_SOCKET_BAD);
      const auto at = sockets_.find(fd);
      if (at != sockets_.end()) WaitReadable(at->second);
    });
  }

  void WaitWritable(DnsSocket& socket) {
    socket.watch->WaitWritable([this, fd = socket.watch->fd()] {
      Process(ARES_SOCKET_BAD, fd);
      const auto at = sockets_.find(fd);
      if (at != sockets_.end() && at->second.writing) WaitWritable(at->second);
    });
  }

  void Process(int readable, int writable) {
    ares_process_fd(channel_, readable, writable);
    Proceed();
  }

  void Proceed() {
    if (answered_) {
      retry_.Set(base::Duration::zero(), [this] { Finish(std::move(result_)); });
      return;
    }
    timeval wait{};
    if (ares_timeout(channel_, nullptr, &wait) == nullptr) return;
    retry_.Set(std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec),
               [this] { Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
  }

  void Finish(absl::StatusOr<std::vector<asio::ip::address>> result) {
    Resolved done = std::move(done_);
    Stop();
    done(std::move(result));  // may destroy this
  }

  void Stop() {
    retry_.Cancel();
    deadline_.Cancel();
    // Closes its sockets, which takes them off `sockets_`.
    if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
    switch (std::exchange(place_, Place::kNone)) {
      case Place::kNone: return;
      case Place::kWaiting: resolver_.waiting_.remove(this); return;
      case Place::kRunning:
        --resolver_.running_;
        resolver_.StartWaiting();
        return;
    }
  }

  Resolver& resolver_;
  const std::string host_;
  Resolved done_;
  ares_channel channel_ = nullptr;
  Place place_ = Place::kNone;
  bool answered_ = false;
  absl::StatusOr<std::vector<asio::ip::address>> result_;
  std::unordered_map<int, DnsSocket> sockets_;
  base::Timer retry_;
  base::Timer deadline_;
};

Resolver::Resolver(EventLoop& loop) : Resolver(loop, Options()) {}

Resolver::Resolver(EventLoop& loop, Options options) : loop_(loop), options_(std::move(options)) {
  static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
  CHECK_EQ(initialised, ARES_SUCCESS);
}

std::unique_ptr<Lookup> Resolver::Resolve(const std::string& host, base::Duration deadline,
                                          Resolved done) {
  auto lookup = std::make_unique<DnsLookup>(*this, host, deadline, std::move(done));
  if (!IsName(host)) {
    lookup->Answer(absl::InvalidArgumentError("lookup " + base::Quote(host) + ": no host name"));
    return lookup;
  }
  asio::error_code not_an_address;
  const auto address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) {
    lookup->Answer(std::vector{address});
    return lookup;
  }
  lookup->Queue();
  StartWaiting();
  return lookup;
}

void Resolver::StartWaiting() {
  while (running_ < options_.max_lookups && !waiting_.empty()) {
    DnsLookup* next = waiting_.front();
    waiting_.pop_front();
    ++running_;
    next->Start();
  }
}

}  // namespace hawser::net
