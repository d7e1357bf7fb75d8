// What tests put behind a stream: a handler that records what it hears and sends what it is told.
//
//   auto call = std::make_shared<TestCall>();
//   transport.OpenStream("/x/Y", "host", {}, call->Handler());
//   call->Send("hello");
//   ASSERT_TRUE(loop.Await([&] { return call->received.size() == 1; }));
#pragma once

#include <asio/executor_work_guard.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/net/event_loop.h"
#include "lib/net/message_stream.h"

namespace hawser::h2 {

// An event loop that the test's own thread runs, as long as something is awaited.
class TestLoop {
 public:
  // Runs turns until `condition` holds after one of them. False after `limit` without that.
  bool Await(const std::function<bool()>& condition,
             std::chrono::seconds limit = std::chrono::seconds(20));
  // Runs `work` as a turn.
  void Do(const std::function<void()>& work) { loop_.RunTurn(work); }
  net::EventLoop& operator*() { return loop_; }

 private:
  net::EventLoop loop_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.io().get_executor()};
};

// Two connected, non-blocking Unix stream sockets, as descriptors.
std::pair<int, int> SocketPair();

class TestCall : public std::enable_shared_from_this<TestCall> {
 public:
  std::unique_ptr<net::StreamHandler> Handler();

  // Queues a message (of at most kMinBatch - 5 bytes).
  void Send(std::string message);
  // Sends `bytes` bytes more in messages as long as batches allow; the payload is PatternByte().
  void SendPattern(uint64_t bytes);
  // The byte at an offset of all pattern bytes.
  static uint8_t PatternByte(uint64_t offset) { return static_cast<uint8_t>(offset * 131 >> 3); }

  // What the test wants done within a callback; may be empty.
  std::function<void()> on_open;
  std::function<void()> on_message;  // after each complete message
  std::function<void()> on_produce;
  std::function<void()> on_remote_end;
  std::function<void()> on_closed;
  std::function<bool()> end_some;  // whether all is ended
  std::function<absl::Status()> on_message_start;
  bool withhold = false;       // all bytes that arrive
  bool check_pattern = false;  // instead of recording messages

  // What was heard.
  net::MessageStream* stream = nullptr;   // while open
  net::Metadata request;                  // server
  std::optional<net::Metadata> response;  // client
  std::vector<std::string> received;
  uint64_t pattern_received = 0;
  uint64_t pattern_sent = 0;
  bool pattern_broken = false;
  size_t withheld = 0;
  std::optional<absl::Status> remote_end;
  std::optional<absl::Status> closed;

 private:
  class Recorder;
  void ProducePattern(net::MessageBatch& batch);

  std::deque<std::string> outgoing_;
  uint64_t pattern_left_ = 0;
};

}  // namespace hawser::h2
