// Two sessions over an in-memory stream, with endpoints under the test's control.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/testing/manual_scheduler.h"
#include "lib/testing/stream_pair.h"
#include "lib/tunnel/dialed_session.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::tunnel {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A local side under the test's control: what it is to send, what it got, whether it takes bytes.
class FakeEndpoint : public Endpoint {
 public:
  void OnOpen(Connection& c) override {
    connection = &c;
    if (!to_send.empty() || finish) c.Ready();
  }
  Pulled Pull(std::span<uint8_t> space) override {
    ++pulls;
    const size_t take = std::min(space.size(), to_send.size());
    std::copy_n(to_send.begin(), take, space.begin());
    to_send.erase(0, take);
    largest_pull = std::max(largest_pull, take);
    if (take == 0 && finish) return {Pulled::kEnd};
    return {to_send.empty() && !finish ? Pulled::kDrained : Pulled::kBytes, take};
  }
  void Deliver(std::span<const uint8_t> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (stalled) {
      held += bytes.size();
    } else {
      connection->Delivered(bytes.size());
    }
  }
  void DeliverEnd() override { got_end = true; }
  void OnClosed(const Failure* f) override {
    connection = nullptr;
    closed = true;
    if (f != nullptr) failure = *f;
    if (on_closed) on_closed();
  }
  Presence Look() override {
    ++looks;
    if (on_look) on_look();
    return presence;
  }

  void Send(const std::string& bytes) {
    to_send += bytes;
    if (connection != nullptr) connection->Ready();
  }
  void Finish() {
    finish = true;
    if (connection != nullptr) connection->Ready();
  }
  void Unstall() {
    stalled = false;
    if (connection != nullptr) connection->Delivered(std::exchange(held, 0));
  }

  Connection* connection = nullptr;
  std::string to_send, received;
  bool finish = false, stalled = false, got_end = false, closed = false;
  size_t held = 0, pulls = 0, largest_pull = 0, looks = 0;
  Presence presence = Presence::kHere;
  base::Closure on_look, on_closed;
  std::optional<Failure> failure;
};

// The dialled side: answers each address as told, or keeps the request.
class FakeAgent : public DialedSession {
 public:
  explicit FakeAgent(const SessionOptions& options) : DialedSession(options) {}
  void OnDial(Request request) override {
    requests.push_back(request);
    if (hold) return;
    if (request.address.starts_with("refused")) {
      RejectDial(request.dial_id, {Reason::kRefused, Hop::kTarget,
                                   "dial tcp " + request.address + ": connection refused"});
      return;
    }
    Accept(request.dial_id);
  }
  void OnDialCancelled(int64_t dial_id) override { cancelled.push_back(dial_id); }
  std::shared_ptr<FakeEndpoint> Accept(int64_t dial_id) {
    auto endpoint = std::make_shared<FakeEndpoint>();
    endpoint->stalled = stall_new;
    endpoints.push_back(endpoint);
    AcceptDial(dial_id, endpoint);
    return endpoint;
  }
  void OnDrain() override { ++drains; }
  int drains = 0;
  bool hold = false, stall_new = false;
  std::vector<Request> requests;
  std::vector<int64_t> cancelled;
  std::vector<std::shared_ptr<FakeEndpoint>> endpoints;
};

class FakeHub : public DialingSession {
 public:
  explicit FakeHub(const SessionOptions& options, bool plain)
      : DialingSession(options), plain_(plain) {}
  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override {
    DialingSession::OnOpen(stream, headers);
    net::Metadata answer;
    if (!plain_) AnswerFeatures(answer);
    stream.SendHeaders(answer);
  }
  void OnDrain() override { ++drains; }
  int drains = 0;

 private:
  const bool plain_;
};

struct Dialled {
  std::shared_ptr<FakeEndpoint> endpoint = std::make_shared<FakeEndpoint>();
  bool done = false;
  std::optional<Failure> failure;
  DialingSession::DialId id = 0;
};

class SessionTest : public ::testing::TestWithParam<bool> {
 protected:
  bool plain() const { return GetParam(); }

  void Start(const SessionOptions& options = {}) {
    auto agent = std::make_unique<FakeAgent>(options);
    auto hub = std::make_unique<FakeHub>(options, plain());
    agent_ = agent.get();
    hub_ = hub.get();
    net::Metadata request;
    if (!plain()) agent->OfferFeatures(request);
    pair_.Connect(std::move(agent), std::move(hub), request);
    pair_.Run();
  }

  std::shared_ptr<Dialled> Dial(const std::string& address, const std::string& early = "") {
    auto dialled = std::make_shared<Dialled>();
    dialled->id = hub_->StartDial({address, early, seconds(10)}, dialled->endpoint,
                                  [dialled](const Failure* failure) {
                                    dialled->done = true;
                                    if (failure != nullptr) dialled->failure = *failure;
                                  });
    return dialled;
  }
  std::shared_ptr<Dialled> Open(const std::string& address) {
    auto dialled = Dial(address);
    pair_.Run();
    EXPECT_TRUE(dialled->done && !dialled->failure) << address;
    return dialled;
  }
  FakeEndpoint& target(size_t i = 0) { return *agent_->endpoints.at(i); }
  // Of a plain peer: much more for the first connection than its reader and the stream take.
  void Flood() {
    pair_.set_withhold_limit(64 * 1024);
    target().Send(std::string(4'000'000, 's'));
    pair_.Run();
    EXPECT_GT(pair_.withheld_by_server(), 0u);
  }

  testing::ManualScheduler scheduler_;
  testing::StreamPair pair_{scheduler_};
  FakeAgent* agent_ = nullptr;
  FakeHub* hub_ = nullptr;
};

}  // namespace hawser::tunnel
