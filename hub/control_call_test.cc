#include "hub/control_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "lib/control/fake_state_source.h"
#include "lib/testing/manual_scheduler.h"
#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr char kClusters[] = "/hawser.control.Control/GetClusters";
constexpr char kSessions[] = "/hawser.control.Control/GetSessions";

// Writes down what the call does to its stream.
class Stream final : public net::MessageStream {
 public:
  explicit Stream(base::Scheduler& scheduler) : scheduler_(scheduler) {}
  base::Scheduler& scheduler() override { return scheduler_; }
  void SendHeaders(const net::Metadata&) override { headers = true; }
  void Wake() override {}
  void Withhold(size_t) override {}
  void Release(size_t) override {}
  void SetWindow(size_t) override {}
  void Finish(const absl::Status& status) override { finished = status; }
  void Reset() override { reset = true; }
  void Abort(const absl::Status&) override {}
  base::Duration RoundTrip() const override { return {}; }
  base::Duration LeastRoundTrip() const override { return {}; }

  bool headers = false;
  bool reset = false;
  std::optional<absl::Status> finished;

 private:
  base::Scheduler& scheduler_;
};

class ControlCallTest : public ::testing::Test {
 protected:
  ~ControlCallTest() override {
    if (call_ != nullptr) call_->OnClosed(absl::OkStatus());
  }

  void Open(const std::string& path) {
    call_ = ControlCall::ForPath(path, "client/alice", nullptr, lists_);
    ASSERT_NE(call_, nullptr);
    call_->OnOpen(stream_, {});
  }
  absl::Status Send(const std::string& message) {
    absl::Status status = call_->OnMessageStart(message.size());
    if (!status.ok()) return status;
    return call_->OnMessageBytes(
        {reinterpret_cast<const uint8_t*>(message.data()), message.size()});
  }
  void AwaitAnswer() {
    while (!scheduler_.has_posted()) std::this_thread::yield();
    scheduler_.RunPosted();
  }
  std::string Produce(size_t capacity) {
    std::string space(capacity, '\0');
    net::MessageBatch batch(reinterpret_cast<uint8_t*>(space.data()), space.size());
    call_->Produce(batch);
    return space.substr(0, batch.size());
  }
  void SetClusters(int count) {
    std::vector<control::Cluster> clusters(count);
    for (int i = 0; i < count; ++i) clusters[i].set_name("cluster-" + std::to_string(i));
    source_.SetClusters(std::move(clusters));
  }

  testing::ManualScheduler scheduler_;
  control::FakeStateSource source_;
  ControlLists lists_{source_};
  Stream stream_{scheduler_};
  std::unique_ptr<net::StreamHandler> call_;
};

TEST_F(ControlCallTest, OnlyTheListsAreServed) {
  for (const char* path : {"/hawser.control.Control/WatchClusters", "/hawser.control.Control/",
                           "/grpc.health.v1.Health/Check", "/ProxyService/Proxy", ""})
    EXPECT_EQ(ControlCall::ForPath(path, "client/alice", nullptr, lists_), nullptr) << path;
}

TEST_F(ControlCallTest, AnAnswerLongerThanABatchGoesInParts) {
  SetClusters(10'000);
  Open(kClusters);
  EXPECT_THAT(Send(""), IsOk());
  EXPECT_EQ(Produce(4096), "");
  call_->OnRemoteEnd(absl::OkStatus());
  AwaitAnswer();
  EXPECT_TRUE(stream_.headers);
  EXPECT_THAT(stream_.finished, ::testing::Optional(absl::OkStatus()));
  std::string framed;
  for (std::string part; !(part = Produce(4096)).empty();) {
    EXPECT_LE(part.size(), 4096);
    framed += part;
  }
  control::GetClustersResponse response;
  const std::string message = framed.substr(net::MessageBatch::kPrefix);
  EXPECT_EQ(framed, net::FramedMessage(message));
  ASSERT_TRUE(response.ParseFromString(message));
  EXPECT_EQ(response.clusters_size(), 10'000);
  EXPECT_EQ(response.clusters(9'999).name(), "cluster-9999");
}

TEST_F(ControlCallTest, ARequestThatMakesNoSenseIsRefused) {
  Open(kSessions);
  EXPECT_THAT(Send("\x0a\xff"), IsOk());
  call_->OnRemoteEnd(absl::OkStatus());
  ASSERT_TRUE(stream_.finished.has_value());
  EXPECT_THAT(*stream_.finished,
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not what the method")));
}

TEST_F(ControlCallTest, ACallNeedsARequest) {
  Open(kClusters);
  call_->OnRemoteEnd(absl::OkStatus());
  ASSERT_TRUE(stream_.finished.has_value());
  EXPECT_THAT(*stream_.finished, StatusIs(StatusCode::kInvalidArgument, HasSubstr("no request")));
}

TEST_F(ControlCallTest, LongOrFurtherRequestsCostTheConnection) {
  Open(kSessions);
  EXPECT_THAT(call_->OnMessageStart(ControlCall::kMaxRequest + 1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("4097 bytes")));
  call_->OnClosed(absl::OkStatus());
  Open(kSessions);
  EXPECT_THAT(Send(""), IsOk());
  EXPECT_THAT(call_->OnMessageStart(0),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("second request")));
}

TEST_F(ControlCallTest, AnAnswerThatIsNotTakenEndsWithTheCall) {
  Open(kClusters);
  scheduler_.Advance(ControlCall::kTimeout);
  EXPECT_TRUE(stream_.reset);
}

TEST_F(ControlCallTest, CallsThatNeverAskHaveTheirNumber) {
  std::vector<std::unique_ptr<net::StreamHandler>> silent;
  for (size_t i = 0; i < ControlLists::kMaxCallsOfOne; ++i) {
    Open(kClusters);
    EXPECT_FALSE(stream_.finished.has_value());
    silent.push_back(std::move(call_));
  }
  Open(kClusters);
  ASSERT_TRUE(stream_.finished.has_value());
  EXPECT_THAT(*stream_.finished, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(Send("more"), IsOk()) << "and is not kept";
  call_->OnRemoteEnd(absl::OkStatus());
  for (const auto& each : silent) each->OnClosed(absl::CancelledError("left"));
}

TEST_F(ControlCallTest, ACallerThatLeftGetsNoAnswerAndKeepsNoPlace) {
  for (size_t i = 0; i < 2 * ControlLists::kMaxCallsOfOne; ++i) {
    Open(kClusters);
    EXPECT_THAT(Send(""), IsOk());
    call_->OnRemoteEnd(absl::OkStatus());
    call_->OnClosed(absl::CancelledError("left"));
    call_.reset();
    AwaitAnswer();
    EXPECT_FALSE(stream_.finished.has_value());
  }
}

}  // namespace
}  // namespace hawser::hub
