// A client and a server transport of ours, connected by a Unix socket pair on one loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"

namespace hawser::h2 {

class Loopback {
 public:
  explicit Loopback(const Options& server_options = {}, const Options& client_options = {});

  // Opens a call to `path` and returns it; fails the test when that is refused.
  std::shared_ptr<TestCall> Open(const std::string& path, const net::Metadata& headers = {},
                                 std::shared_ptr<TestCall> call = std::make_shared<TestCall>());
  // Opens a call that the server has answered with headers; `accepted()` is its other end.
  std::shared_ptr<TestCall> OpenAnswered();
  // The server's end of the call opened last, once it arrived.
  std::shared_ptr<TestCall> accepted() const { return accepted_calls.back(); }
  bool Await(const std::function<bool()>& condition) { return loop.Await(condition); }
  void Do(const std::function<void()>& work) { loop.Do(work); }

  TestLoop loop;
  std::unique_ptr<Transport> server;
  std::unique_ptr<Transport> client;
  std::optional<absl::Status> server_closed;
  std::optional<absl::Status> client_closed;
  std::vector<std::shared_ptr<TestCall>> accepted_calls;
  // Prepares the server's end of a call before its OnOpen(); null refuses it. Answers with
  // headers by default.
  std::function<std::shared_ptr<TestCall>(const std::string& path)> accept;
};

}  // namespace hawser::h2
