#include "lib/kube/work_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace hawser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkQueueTest : public ::testing::Test {
 protected:
  WorkQueue::Options Options() {
    return {.first_delay = seconds(1),
            .longest_delay = seconds(4),
            .rate = 0,
            .now = [this] { return now_; },
            .random = [] { return 0; }};  // the shorter half of each delay
  }

  base::Time now_{std::chrono::hours(1)};
  WorkQueue queue_{Options()};
};

TEST_F(WorkQueueTest, HasEachKeyOnce) {
  queue_.Add("a");
  queue_.Add("b");
  queue_.Add("a");
  EXPECT_EQ(queue_.size(), 2u);
  EXPECT_EQ(queue_.TryGet(), "a");
  EXPECT_EQ(queue_.TryGet(), "b");
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
}

TEST_F(WorkQueueTest, GivesAKeyToOneWorkerAtATime) {
  queue_.Add("a");
  EXPECT_EQ(queue_.TryGet(), "a");
  queue_.Add("a");
  queue_.Add("a");
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
  queue_.Done("a");
  EXPECT_EQ(queue_.TryGet(), "a");
  queue_.Done("a");
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
}

TEST_F(WorkQueueTest, DelaysByTheEarliest) {
  queue_.AddAfter("a", seconds(10));
  queue_.AddAfter("a", seconds(5));
  queue_.AddAfter("a", seconds(20));
  queue_.AddAfter("b", seconds(1));
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
  now_ += seconds(1);
  EXPECT_EQ(queue_.TryGet(), "b");
  now_ += seconds(4);
  EXPECT_EQ(queue_.TryGet(), "a");
  queue_.Done("a");
  now_ += seconds(60);
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
  queue_.AddAfter("a", seconds(0));
  EXPECT_EQ(queue_.TryGet(), "a");
}

TEST_F(WorkQueueTest, ADelayedKeyWaitsForItsWorker) {
  queue_.Add("a");
  EXPECT_EQ(queue_.TryGet(), "a");
  queue_.AddAfter("a", seconds(1));
  now_ += seconds(2);
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
  queue_.Done("a");
  EXPECT_EQ(queue_.TryGet(), "a");
}

TEST_F(WorkQueueTest, BacksOffKeyByKey) {
  EXPECT_EQ(queue_.AddRateLimited("a"), milliseconds(500));
  EXPECT_EQ(queue_.AddRateLimited("a"), seconds(1));
  EXPECT_EQ(queue_.AddRateLimited("a"), seconds(2));
  EXPECT_EQ(queue_.AddRateLimited("a"), seconds(2));
  EXPECT_EQ(queue_.AddRateLimited("b"), milliseconds(500));
  queue_.Forget("a");
  EXPECT_EQ(queue_.AddRateLimited("a"), milliseconds(500));
  queue_.Forget("none");
}

TEST_F(WorkQueueTest, LimitsTheRateOfAllFailures) {
  WorkQueue::Options options = Options();
  options.rate = 0.1;
  options.burst = 2;
  WorkQueue queue(options);
  EXPECT_EQ(queue.AddRateLimited("a"), milliseconds(500));
  EXPECT_EQ(queue.AddRateLimited("b"), milliseconds(500));
  EXPECT_EQ(queue.AddRateLimited("c"), seconds(10));
  EXPECT_EQ(queue.AddRateLimited("d"), seconds(20));
}

TEST(WorkQueue, WakesAWaitingWorker) {
  WorkQueue queue;
  std::thread adder([&] { queue.Add("a"); });
  EXPECT_EQ(queue.Get({}), "a");
  adder.join();
  queue.Done("a");
  queue.AddAfter("b", milliseconds(1));
  EXPECT_EQ(queue.Get({}), "b");
}

TEST(WorkQueue, KeepsWhatItHasForTheWorkersAfterThoseThatStop) {
  WorkQueue queue;
  std::stop_source stop;
  std::thread worker([&] { EXPECT_EQ(queue.Get(stop.get_token()), std::nullopt); });
  stop.request_stop();
  worker.join();
  queue.Add("a");
  EXPECT_EQ(queue.Get(stop.get_token()), std::nullopt);
  EXPECT_EQ(queue.Get({}), "a");
}

}  // namespace
}  // namespace hawser::kube
