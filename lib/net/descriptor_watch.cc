#include "lib/net/descriptor_watch.h"

#include <asio/post.hpp>
#include <utility>

namespace hawser::net {

void DescriptorWatch::WaitReadable(base::Closure callback) {
  read_.callback = std::move(callback);
  Wait(read_, asio::posix::stream_descriptor::wait_read);
}

void DescriptorWatch::WaitWritable(base::Closure callback) {
  write_.callback = std::move(callback);
  Wait(write_, asio::posix::stream_descriptor::wait_write);
}

void DescriptorWatch::SignalReadable(base::Closure callback) {
  read_.callback = std::move(callback);
  asio::post(loop_.io(), [self = shared_from_this()] { self->Fire(self->read_); });
}

void DescriptorWatch::Wait(Direction& direction, asio::posix::stream_descriptor::wait_type type) {
  if (direction.waiting || !open()) return;
  direction.waiting = true;
  descriptor_.async_wait(type, [self = shared_from_this(), &direction](asio::error_code) {
    direction.waiting = false;
    self->Fire(direction);
  });
}

void DescriptorWatch::Fire(Direction& direction) {
  // Closed, released, or called back already.
  if (!open() || !direction.callback) return;
  base::Closure callback = std::exchange(direction.callback, nullptr);
  loop_.RunTurn(callback);
}

void DescriptorWatch::Close() {
  read_.callback = nullptr;
  write_.callback = nullptr;
  asio::error_code ignored;
  descriptor_.close(ignored);
}

int DescriptorWatch::Release() {
  read_.callback = nullptr;
  write_.callback = nullptr;
  return descriptor_.release();
}

}  // namespace hawser::net
