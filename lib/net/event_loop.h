// One thread that runs handlers to completion, one after the other: sockets, timers, posted work.
//
// Everything that belongs to a session lives on one loop, so nothing in it needs a lock. Each
// handler is a turn; when it returns, the loop runs what the turn deferred: sinks() (bytes for
// local sockets), then flushes() (bytes for tunnel peers). That is how one system call carries
// everything a turn produced.
//
// Threads: Post() and Stop() from anywhere; all else on the loop's thread (or before Run()).
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/net/scratch_buffer.h"

namespace hawser::net {

class EventLoop final : public base::Scheduler {
 public:
  // Size of the plaintext batch that one read turn decrypts, in bytes.
  static constexpr size_t kReadBatch = 256 * 1024;
  // Size of the plaintext batch that one write encrypts, in bytes: sixteen full TLS records.
  static constexpr size_t kWriteBatch = 256 * 1024;

  EventLoop();
  ~EventLoop() override;

  // Runs until Stop(). Call from the thread that is to be the loop's.
  void Run();
  void Stop();

  base::Time Now() const override { return now_; }
  void Post(base::Closure work) override;
  bool InLoopThread() const;

  asio::io_context& io() { return io_; }

  // Runs `handler` as a turn: refreshes Now() before, runs the deferred lists after. Everything
  // that asio calls back goes through here. Turns nest: only the outermost runs the lists.
  template <typename Handler>
  void RunTurn(Handler&& handler) {
    BeginTurn();
    handler();
    EndTurn();
  }

  // Scratch for the batch being received: shared by everything on the loop, valid within a turn
  // until sinks() has run.
  uint8_t* read_batch() { return read_batch_.get(); }
  // Scratch for the batch being written: valid until its user returns to the loop or lets others
  // run.
  uint8_t* write_batch() { return write_batch_.get(); }
  // Scratch for what a TLS socket encrypts in one call.
  ScratchBuffer& ciphertext() { return ciphertext_; }

 private:
  void BeginTurn();
  void EndTurn();
  void OnTimersChanged() override;
  void RunTimers();

  base::Time armed_for_ = base::Time::max();  // when timer_ fires
  bool due_turn_posted_ = false;              // a turn for due timers is on its way
  base::Time now_;
  int depth_ = 0;
  std::unique_ptr<uint8_t[]> read_batch_;
  std::unique_ptr<uint8_t[]> write_batch_;
  ScratchBuffer ciphertext_;
  // Last: handlers that are still pending at the end own sockets, and those say goodbye through the
  // scratch.
  asio::io_context io_;
  asio::steady_timer timer_;
};

}  // namespace hawser::net
