// The way of a tunnel's bytes into a socket, up to their arrival at its peer.
//
//   kOpen    bytes come, and are written at the end of their receive batch with one gathering call,
//            straight from the batch's buffer; only what the kernel refuses is queued
//   kFlush   no more come; what is queued is written
//   kLinger  FIN is sent; closed once the peer has acknowledged everything
//   kClosed  nothing more is done with the socket
//
// Closing a TCP socket while unread bytes wait in it sends a reset, which throws away what the
// kernel has not sent: hence kLinger. A peer that takes nothing for too long after the end gets a
// reset, so that it never takes a part for the whole.
//
// Threads: the socket's loop. The owner owns this, and does not destroy it in its calls.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/net/byte_queue.h"
#include "lib/net/socket.h"
#include "lib/tunnel/memory.h"

namespace hawser::tunnel {

class SocketSink {
 public:
  enum class State { kOpen, kFlush, kLinger, kClosed };

  class Owner {
   public:
    // `bytes` of what Write() was given have left: for the kernel, or for nowhere when the socket
    // takes no more.
    virtual void OnWritten(size_t bytes) = 0;
    // The socket takes no more, while kOpen; error() says why. Its peer's bytes can still be read.
    virtual void OnWriteFailed() = 0;
    // kClosed was reached after Finish(): the socket is to be closed. After an error bytes are
    // lost, and it is to be aborted.
    virtual void OnFinished(const absl::Status& status) = 0;

   protected:
    ~Owner() = default;
  };

  // How long a peer may take nothing after the end, when memory is not short.
  static constexpr base::Duration kPatience = std::chrono::seconds(90);

  // References outlive this.
  SocketSink(net::Socket& socket, Owner& owner, base::Duration patience);

  // What waits, here or as ciphertext, counts in `budget`, which may be null.
  void ChargeTo(std::shared_ptr<MemoryBudget> budget);
  // Ahead of everything else; not reported by OnWritten().
  void Greet(std::string_view greeting);
  // `bytes` live until the scheduler's sinks() have run.
  void Write(std::span<const uint8_t> bytes);
  // FIN follows what was written so far, which is all. The socket stays open.
  void End();
  // kOpen -> kFlush -> kLinger -> kClosed, as far as it goes now. `owner` is kept alive until
  // kClosed, or until the loop ends.
  void Finish(std::shared_ptr<void> owner);
  // -> kClosed: forgets what is queued. OnFinished() is not called.
  void Drop();

  // How many bytes less there are to take for the peer than at the last call. OnWritten() tells of
  // larger steps only: of what the kernel takes at a time, of ciphertext when none is left to
  // write.
  size_t Drained();

  State state() const { return state_; }
  bool failed() const { return failed_; }

 private:
  // From Finish() until kClosed.
  struct Closing {
    explicit Closing(base::Scheduler& scheduler) : timer(scheduler) {}
    base::Timer timer;  // its callback holds the owner
    base::Duration interval;
    base::Time progress_at;
    size_t left;  // bytes that had not arrived when looked at last
  };

  void WriteGathered();
  void WriteQueued();
  void WaitWritable();
  // The socket took `bytes`. They count as written once none wait in it any more: ciphertext that
  // the kernel does not take costs memory like any queue.
  void Took(size_t bytes);
  void Wrote(size_t bytes);
  void WriteFailed(size_t lost);
  absl::Status Lost() const;
  // Goes on to what is due once everything is written.
  void Advance();
  size_t Left() const { return queue_.size() + socket_.Outstanding(); }
  base::Duration Patience() const;
  void Watch(std::shared_ptr<void> owner);
  void Look(std::shared_ptr<void> owner);
  void Close(const absl::Status& status);

  net::Socket& socket_;
  Owner& owner_;
  const base::Duration patience_;
  State state_ = State::kOpen;
  bool writing_ = false;  // a wait for writability is pending
  bool end_ = false;      // FIN is due
  bool shut_ = false;     // FIN is sent
  bool failed_ = false;
  size_t left_ = 0;             // for Drained()
  uint32_t greeting_left_ = 0;  // bytes at the head of the queue that no window counts
  std::vector<iovec> gathered_;
  base::Deferred write_gathered_;
  net::ByteQueue queue_;
  size_t in_socket_ = 0;  // bytes that the socket took and has not all sent
  MemoryCharge charge_;
  std::shared_ptr<MemoryBudget> budget_;  // what `charge_` is charged to
  std::unique_ptr<Closing> closing_;
};

}  // namespace hawser::tunnel
