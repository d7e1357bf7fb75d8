// Waits for one descriptor on one loop, one callback per direction.
//
// Threads: the loop's. Held by shared_ptr because asio may still deliver a completion after
// Close(); callbacks never run then.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <memory>

#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"

namespace hawser::net {

class DescriptorWatch : public std::enable_shared_from_this<DescriptorWatch> {
 public:
  // Takes ownership of `fd`, a non-blocking descriptor.
  DescriptorWatch(EventLoop& loop, int fd) : loop_(loop), descriptor_(loop.io(), fd) {}
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

  // Calls back once, as a turn, when the descriptor is readable / writable, hung up or in error.
  // A later call replaces the callback of an earlier one that is still pending.
  void WaitReadable(base::Closure callback);
  void WaitWritable(base::Closure callback);
  // As if it had just become readable.
  void SignalReadable(base::Closure callback);

  // Closes the descriptor and drops the callbacks.
  void Close();
  // Gives the descriptor up and drops the callbacks.
  int Release();
  bool open() const { return descriptor_.is_open(); }
  int fd() const {
    return const_cast<asio::posix::stream_descriptor&>(descriptor_).native_handle();
  }
  EventLoop& loop() { return loop_; }

 private:
  struct Direction {
    base::Closure callback;
    bool waiting = false;
  };
  void Wait(Direction& direction, asio::posix::stream_descriptor::wait_type type);
  void Fire(Direction& direction);

  EventLoop& loop_;
  asio::posix::stream_descriptor descriptor_;
  Direction read_;
  Direction write_;
};

}  // namespace hawser::net
