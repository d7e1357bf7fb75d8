#include "lib/client/link_pool.h"

#include <utility>

#include "lib/tunnel/session.h"

namespace hawser::client {
namespace {

constexpr base::Duration kKeepalive = std::chrono::seconds(15);

h2::Options LinkOptions() {
  h2::Options options;
  // Go's servers punish pings; StartKeepalive() comes when the hub is one of ours.
  options.keepalive = base::Duration::zero();
  // Grows with the tunnel that the stream carries.
  options.stream_window = tunnel::SessionOptions().first_window;
  return options;
}

}  // namespace

LinkPool::LinkPool(net::EventLoop& loop, std::unique_ptr<Connector> connector,
                   base::Duration connect_timeout)
    : loop_(loop),
      connector_(std::move(connector)),
      connect_timeout_(connect_timeout),
      serve_(loop) {}

LinkPool::~LinkPool() = default;

LinkPool::WaiterId LinkPool::Acquire(Ready ready) {
  waiting_.emplace(++last_waiter_, std::move(ready));
  serve_.Set(base::Duration::zero(), [this] { Serve(); });
  return last_waiter_;
}

void LinkPool::Serve() {
  while (!waiting_.empty()) {
    h2::Transport* const link = FindRoom();
    if (link == nullptr) {
      Connect();
      return;
    }
    Ready ready = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    ready(link, absl::OkStatus());
  }
  CloseSpare();
}

// Our hub refuses dials on more than half of the streams that it announces, so that other clients
// learn why they get none.
bool LinkPool::HasRoom(const h2::Transport& link) const {
  if (avoided_.contains(&link)) return false;
  const size_t announced = link.streams_available() + link.stream_count();
  return link.streams_available() > 0 && link.stream_count() < (announced + 1) / 2;
}

h2::Transport* LinkPool::FindRoom() {
  for (const auto& link : links_)
    if (HasRoom(*link)) return link.get();
  return nullptr;
}

void LinkPool::CloseSpare() {
  size_t usable = 0;
  for (const auto& link : links_) {
    if (!HasRoom(*link)) continue;
    if (++usable > 1 && link->stream_count() == 0) link->Close(absl::OkStatus());
  }
}

void LinkPool::Connect() {
  if (std::exchange(connecting_, true)) return;
  connector_->Connect(connect_timeout_,
                      [this](absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
                        OnConnected(std::move(socket));
                      });
}

void LinkPool::OnConnected(absl::StatusOr<std::unique_ptr<net::Socket>> socket) {
  connecting_ = false;
  if (!socket.ok()) {
    auto waiting = std::exchange(waiting_, {});
    for (auto& [id, ready] : waiting) ready(nullptr, socket.status());
    return;
  }
  const auto link = links_.emplace(links_.end());
  *link = h2::Transport::Client(*std::move(socket), LinkOptions(),
                                [this, link](const absl::Status&) { OnLinkClosed(link); });
  Serve();
}

void LinkPool::OnLinkClosed(std::list<std::unique_ptr<h2::Transport>>::iterator link) {
  avoided_.erase(link->get());
  links_.erase(link);
  if (links_.empty() && drained_ != nullptr) std::exchange(drained_, nullptr)();
}

void LinkPool::Drain(base::Closure drained) {
  if (links_.empty()) return drained();
  drained_ = std::move(drained);
  for (const auto& link : links_) link->GoAway();
}

void LinkPool::Avoid(h2::Transport& link) {
  avoided_.insert(&link);
  link.GoAway();
}

void LinkPool::StartKeepalive(h2::Transport& link) { link.SetKeepalive(kKeepalive); }

}  // namespace hawser::client
