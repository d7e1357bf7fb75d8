// Copies bytes both ways between two sockets of one loop until both directions have ended.
//
// A FIN on one side becomes a FIN on the other, while the other direction goes on; an error on one
// side becomes a reset on the other. Bytes that one side does not take yet stay with the sender:
// the pump holds at most kMaxHeld in each direction, and nothing while idle.
//
// Threads: the loop's.
#pragma once

#include <memory>
#include <span>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/net/byte_queue.h"
#include "lib/net/event_loop.h"
#include "lib/net/socket.h"

namespace hawser::net {

class BytePump {
 public:
  // Bytes.
  static constexpr size_t kMaxHeld = 64 * 1024;

  // `done` runs once, in a later turn, when everything is delivered or with the first error; the
  // sockets are closed then. It may destroy the pump.
  BytePump(std::unique_ptr<Socket> left, std::unique_ptr<Socket> right,
           absl::AnyInvocable<void(const absl::Status&)> done);
  BytePump(const BytePump&) = delete;
  BytePump& operator=(const BytePump&) = delete;

 private:
  struct Direction {
    Socket& from;
    Socket& to;
    ByteQueue unsent;
    bool ended = false;  // FIN received and passed on
  };
  void Move(Direction& direction);
  // These return false when there is nothing to do until a callback, if at all.
  bool Receive(Direction& direction);
  bool Send(Direction& direction, std::span<const uint8_t> bytes);
  bool SendUnsent(Direction& direction);
  void End(Direction& direction);
  void Finish(const absl::Status& status);

  const std::unique_ptr<Socket> left_;
  const std::unique_ptr<Socket> right_;
  Direction rightward_;
  Direction leftward_;
  absl::AnyInvocable<void(const absl::Status&)> done_;
};

// A descriptor whose bytes go to `socket` and come from there, through a pump: for what takes
// descriptors only. Closing it ends the pump.
struct Passage {
  int fd;
  std::unique_ptr<BytePump> pump;
};
absl::StatusOr<Passage> PassThrough(EventLoop& loop, std::unique_ptr<Socket> socket,
                                    absl::AnyInvocable<void(const absl::Status&)> done);

}  // namespace hawser::net
