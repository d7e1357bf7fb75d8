#include "lib/net/descriptor_watch.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <memory>
#include <utility>

namespace hawser::net {

DescriptorWatch::DescriptorWatch(EventLoop& loop, int fd) : loop_(&loop), fd_(fd) {
  descriptor_.emplace(loop.io(), fd);
}

void DescriptorWatch::Pending::Disown() {
  if (watch != nullptr) watch->pending_[direction] = nullptr;
  watch = nullptr;
}

std::unique_ptr<DescriptorWatch::Pending> DescriptorWatch::MakePending(Direction direction,
                                                                       base::Closure callback) {
  if (pending_[direction] != nullptr) pending_[direction]->Disown();
  std::unique_ptr<Pending> pending(new Pending{this, direction, std::move(callback)});
  pending_[direction] = pending.get();
  return pending;
}

void DescriptorWatch::Wait(Direction direction, base::Closure callback) {
  if (!open()) return;
  if (pending_[direction] != nullptr) {
    pending_[direction]->callback = std::move(callback);
    return;
  }
  constexpr Descriptor::wait_type kWaits[] = {Descriptor::wait_read, Descriptor::wait_write,
                                              Descriptor::wait_error};
  descriptor_->async_wait(kWaits[direction],
                          [pending = MakePending(direction, std::move(callback))](
                              asio::error_code) mutable { Fire(std::move(pending)); });
}

void DescriptorWatch::SignalReadable(base::Closure callback) {
  if (!open()) return;
  asio::post(loop_->io(), [pending = MakePending(kRead, std::move(callback))]() mutable {
    Fire(std::move(pending));
  });
}

void DescriptorWatch::Fire(std::unique_ptr<Pending> pending) {
  if (pending->watch == nullptr) return;
  EventLoop& loop = pending->watch->loop();
  pending->Disown();
  loop.RunTurn(pending->callback);
}

void DescriptorWatch::StopWaiting() {
  for (Pending* pending : pending_)
    if (pending != nullptr) pending->Disown();
}

void DescriptorWatch::Close() {
  if (!open()) return;
  const int fd = Release();
  ::close(fd);
}

void DescriptorWatch::Abort() {
  if (!open()) return;
  const linger reset{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  Close();
}

int DescriptorWatch::Release() {
  Detach();
  return std::exchange(fd_, -1);
}

Socket::Peer DescriptorWatch::Look() const {
  if (!open()) return Socket::Peer::kGone;
  pollfd descriptor{fd_, 0, 0};
  if (::poll(&descriptor, 1, 0) != 1) return Socket::Peer::kThere;
  if ((descriptor.revents & POLLERR) != 0) return Socket::Peer::kReset;
  if ((descriptor.revents & POLLHUP) == 0) return Socket::Peer::kThere;
  return Unread() > 0 ? Socket::Peer::kLeft : Socket::Peer::kGone;
}

size_t DescriptorWatch::Unread() const {
  int bytes = 0;
  return open() && ::ioctl(fd_, FIONREAD, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
}

size_t DescriptorWatch::Outstanding() const {
  int bytes = 0;
  return open() && ::ioctl(fd_, SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
}

void DescriptorWatch::Detach() {
  StopWaiting();
  if (!descriptor_) return;
  descriptor_->release();
  descriptor_.reset();
}

void DescriptorWatch::Attach(EventLoop& loop) {
  loop_ = &loop;
  descriptor_.emplace(loop.io(), fd_);
}

}  // namespace hawser::net
