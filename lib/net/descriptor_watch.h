// Owns one descriptor and waits for it on one loop, one callback per direction.
//
// Small, because every tunnelled connection has one: what a wait needs is only allocated while it
// is pending.
//
// Threads: the loop's. Callbacks run as turns, and never after Close() or destruction; a callback
// may destroy the watch.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "lib/base/scheduler.h"
#include "lib/net/event_loop.h"
#include "lib/net/socket.h"

namespace hawser::net {

class DescriptorWatch {
 public:
  // Takes ownership of `fd`, a non-blocking descriptor.
  DescriptorWatch(EventLoop& loop, int fd);
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;
  ~DescriptorWatch() { Close(); }

  // Calls back once, when the descriptor is readable / writable, hung up or in error. A later call
  // replaces the callback of an earlier one that is still pending. Does nothing when closed.
  void WaitReadable(base::Closure callback) { Wait(kRead, std::move(callback)); }
  void WaitWritable(base::Closure callback) { Wait(kWrite, std::move(callback)); }
  // Calls back once, when it is hung up or in error.
  void WaitHangUp(base::Closure callback) { Wait(kHangUp, std::move(callback)); }
  // Drops the callbacks.
  void StopWaiting();
  // As if it had just become readable.
  void SignalReadable(base::Closure callback);

  // Closes the descriptor and drops the callbacks.
  void Close();
  // Closes so that the peer of a TCP connection sees a reset.
  void Abort();
  // Gives the descriptor up and drops the callbacks.
  int Release();
  bool open() const { return fd_ >= 0; }
  // -1 when closed.
  int fd() const { return fd_; }
  // What the other end of a socket is up to, by the kernel alone.
  Socket::Peer Look() const;
  // Bytes that the kernel has for us, and bytes of ours that it has not got rid of.
  size_t Unread() const;
  size_t Outstanding() const;
  EventLoop& loop() { return *loop_; }

  // Takes the descriptor off its loop, then puts it on another: from there on that loop's thread
  // uses it. No wait may be pending. It stays open in between.
  void Detach();
  void Attach(EventLoop& loop);
  bool attached() const { return descriptor_.has_value(); }

 private:
  using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;
  enum Direction { kRead, kWrite, kHangUp };

  // Owned by the completion handler, known to the watch while it is pending.
  struct Pending {
    ~Pending() { Disown(); }
    void Disown();

    DescriptorWatch* watch;  // null: gone, or not interested any more
    Direction direction;
    base::Closure callback;
  };

  void Wait(Direction direction, base::Closure callback);
  std::unique_ptr<Pending> MakePending(Direction direction, base::Closure callback);
  static void Fire(std::unique_ptr<Pending> pending);

  EventLoop* loop_;
  std::optional<Descriptor> descriptor_;
  Pending* pending_[3] = {};
  int fd_;
};

}  // namespace hawser::net
