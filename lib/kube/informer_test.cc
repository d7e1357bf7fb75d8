#include "lib/kube/informer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::std::chrono::milliseconds;
using ::std::chrono::minutes;
using ::testing::ElementsAre;

const Resource kConfigMaps{.version = "v1", .plural = "configmaps"};

Object ConfigMap(const std::string& name, const std::string& value = "1") {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"namespace", "ns"}, {"name", name}}},
          {"data", {{"a", value}}}};
}

class InformerTest : public ::testing::Test {
 protected:
  InformerTest() { Make({}); }
  ~InformerTest() override { informer_->Stop(); }

  void Make(const Selection& selection) {
    informer_.emplace(client_, Informer::Options{.resource = kConfigMaps,
                                                 .selection = selection,
                                                 .first_delay = milliseconds(1),
                                                 .longest_delay = milliseconds(5),
                                                 .list_answers = &lists_,
                                                 .watch_answers = &watches_,
                                                 .pause = [this](auto delay, const auto& stop) {
                                                   ++pauses_;
                                                   Pause(delay, stop);
                                                 }});
    informer_->OnChange([this](const Change& change) {
      const std::lock_guard lock(mutex_);
      std::string text = change.before == nullptr ? "+" : change.after == nullptr ? "-" : "*";
      changes_.push_back(text + change.key);
      changed_.notify_all();
    });
  }
  void Start() {
    informer_->Start();
    ASSERT_TRUE(informer_->WaitForSync(minutes(1)));
    AwaitWatch();
  }
  // Both sides think that there is one.
  void AwaitWatch() {
    server_.AwaitWatches(1);
    while (!informer_->status().ok()) std::this_thread::yield();
  }
  // What changed until now, when it is so many.
  std::vector<std::string> Changes(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return changes_.size() >= count; });
    return std::exchange(changes_, {});
  }
  void Put(const std::string& name, const std::string& value = "1") {
    const auto put = absl::IsNotFound(client_.Get(kConfigMaps, {"ns", name}).status())
                         ? client_.Create(kConfigMaps, ConfigMap(name, value))
                         : client_.Update(kConfigMaps, ConfigMap(name, value));
    ASSERT_THAT(put, IsOk());
  }
  void Delete(const std::string& name) {
    ASSERT_THAT(client_.Delete(kConfigMaps, {"ns", name}), IsOk());
  }

  FakeApiServer server_;
  Client client_{server_.config(), {.qps = 0}};
  RequestCounts lists_{{.1}};
  RequestCounts watches_{{.1}};
  std::atomic<uint64_t> pauses_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> changes_;  // guarded by mutex_
  std::optional<Informer> informer_;
};

TEST_F(InformerTest, FollowsTheServer) {
  Put("a");
  EXPECT_THAT(informer_->status(), StatusIs(absl::StatusCode::kUnavailable));
  Start();
  EXPECT_THAT(Changes(1), ElementsAre("+ns/a"));
  Put("b");
  Put("a", "2");
  Delete("b");
  EXPECT_THAT(Changes(3), ElementsAre("+ns/b", "*ns/a", "-ns/b"));
  ASSERT_NE(informer_->Get("ns/a"), nullptr);
  EXPECT_EQ(StringAt(*informer_->Get("ns/a"), {"data", "a"}), "2");
  EXPECT_EQ(informer_->Get("ns/b"), nullptr);
  EXPECT_EQ(informer_->List().size(), 1u);
  EXPECT_EQ(informer_->List("ns").size(), 1u);
  EXPECT_EQ(informer_->List("n").size(), 0u);
}

TEST_F(InformerTest, ResumesWithoutAnotherList) {
  Put("a");
  Start();
  Changes(1);
  for (const bool torn : {false, true, false}) {
    server_.EndWatches(torn);
    Put("a", torn ? "2" : "3" + std::to_string(informer_->counts().watches));
    EXPECT_THAT(Changes(1), ElementsAre("*ns/a"));
    AwaitWatch();
  }
  EXPECT_EQ(informer_->counts().lists, 1u);
  EXPECT_GE(informer_->counts().watches, 3u);
  EXPECT_EQ(server_.Count("GET", "limit="), 1);
}

TEST_F(InformerTest, BookmarksMoveItOn) {
  Put("a");
  Start();
  Changes(1);
  // Others write, until the server forgets what was there when the watch began.
  Object other = ConfigMap("other");
  other["metadata"]["namespace"] = "ns";
  const Resource secrets{.version = "v1", .plural = "secrets"};
  ASSERT_THAT(client_.Create(secrets, other), IsOk());
  server_.Compact();
  server_.SendBookmarks();
  while (informer_->counts().events == 0) std::this_thread::yield();
  server_.EndWatches();
  Put("b");
  EXPECT_THAT(Changes(1), ElementsAre("+ns/b"));
  EXPECT_EQ(informer_->counts().lists, 1u);
}

TEST_F(InformerTest, ListsAgainWhenTheServerHasForgotten) {
  Put("a");
  Put("b");
  Put("c");
  Start();
  Changes(3);
  server_.Script({.target = "watch=true", .times = 1'000'000, .status = 503});
  server_.EndWatches();
  server_.AwaitWatches(0);
  Delete("a");
  Put("b", "2");
  Put("d");
  server_.Compact();
  server_.ClearScript();
  EXPECT_THAT(Changes(3), ElementsAre("*ns/b", "+ns/d", "-ns/a"));
  AwaitWatch();
  EXPECT_EQ(informer_->counts().lists, 2u);
}

// As after each restart of an API server: first it is away, then it knows no version of before.
TEST_F(InformerTest, AServerThatIsBackAndHasForgottenIsListedAtOnce) {
  server_.Script({.target = "watch=true", .status = 503});
  server_.Script({.target = "watch=true", .status = 410});
  Start();
  EXPECT_EQ(pauses_, 1u);
  EXPECT_EQ(informer_->counts().failures, 2u);
  EXPECT_EQ(informer_->counts().lists, 2u);
}

TEST_F(InformerTest, AServerThatForgetsAgainAndAgainIsNotAskedWithoutPauses) {
  server_.Script({.target = "watch=true", .times = 4, .status = 410});
  Start();
  EXPECT_EQ(pauses_, 3u);
  EXPECT_EQ(informer_->counts().lists, 5u);
}

TEST_F(InformerTest, GoneInTheStreamIsGone) {
  Start();
  server_.Script({.target = "watch=true",
                  .body = R"({"type":"ERROR","object":{"code":410,"reason":"Expired"}})"
                          "\n"});
  server_.EndWatches();
  while (informer_->counts().lists < 2) std::this_thread::yield();
  Put("a");
  EXPECT_THAT(Changes(1), ElementsAre("+ns/a"));
}

TEST_F(InformerTest, KeepsTryingAndSaysWhy) {
  server_.Script({.target = "limit=", .times = 3, .status = 403, .body = "not for you"});
  server_.Script({.target = "watch=true", .times = 2, .body = "no event\n"});
  server_.Script({.target = "watch=true", .status = 403, .body = "nor this"});
  Put("a");
  informer_->Start();
  while (informer_->counts().failures == 0) std::this_thread::yield();
  EXPECT_THAT(Changes(1), ElementsAre("+ns/a"));
  AwaitWatch();
  EXPECT_EQ(informer_->counts().lists, 4u);
  EXPECT_EQ(informer_->counts().failures, 6u);
  using Answers = decltype(RequestCounts::Picture::answers);
  EXPECT_EQ(lists_.picture().answers, (Answers{{{200, ""}, 1}, {{403, ""}, 3}}));
  EXPECT_EQ(watches_.picture().answers, (Answers{{{200, ""}, 3}, {{403, ""}, 1}}));
}

// Another one at the same address, with other objects and another history.
TEST_F(InformerTest, OutlivesAServerThatIsDown) {
  std::optional<FakeApiServer> server(std::in_place);
  const uint16_t port = server->port();
  Client client(server->config(), {.qps = 0});
  ASSERT_THAT(client.Create(kConfigMaps, ConfigMap("a")), IsOk());
  Informer informer(client, {.resource = kConfigMaps, .first_delay = milliseconds(1)});
  informer.Start();
  ASSERT_TRUE(informer.WaitForSync(minutes(1)));
  server.reset();
  while (informer.status().message().find("connection refused") == absl::string_view::npos)
    std::this_thread::yield();
  EXPECT_NE(informer.Get("ns/a"), nullptr);

  server.emplace(std::nullopt, port);
  for (const char* name : {"b", "c", "d"})
    ASSERT_THAT(client.Create(kConfigMaps, ConfigMap(name)), IsOk());
  server->Compact();
  server->EndWatches();
  while (informer.Get("ns/d") == nullptr || informer.Get("ns/a") != nullptr)
    std::this_thread::yield();
  EXPECT_EQ(informer.counts().lists, 2u);
}

TEST_F(InformerTest, SeesOnlyWhatIsSelected) {
  Make({.ns = "ns", .label_selector = "app=x"});
  Object chosen = ConfigMap("chosen");
  chosen["metadata"]["labels"] = {{"app", "x"}};
  ASSERT_THAT(client_.Create(kConfigMaps, chosen), IsOk());
  Put("other");
  Start();
  Put("other", "2");
  chosen["data"]["a"] = "2";
  ASSERT_THAT(client_.Update(kConfigMaps, chosen), IsOk());
  EXPECT_THAT(Changes(2), ElementsAre("+ns/chosen", "*ns/chosen"));
}

TEST_F(InformerTest, DropsManagedFields) {
  Object object = ConfigMap("a");
  object["metadata"]["managedFields"] = Object::array({{{"manager", "x"}}});
  ASSERT_THAT(client_.Create(kConfigMaps, object), IsOk());
  Start();
  EXPECT_FALSE((*informer_->Get("ns/a"))["metadata"].contains("managedFields"));
}

TEST_F(InformerTest, StopsWhileItWaits) {
  EXPECT_FALSE(informer_->WaitForSync(milliseconds(1)));
  Start();
  informer_->Stop();
  Make({});
  server_.Script({.target = "limit=", .times = 1000, .status = 403});
  informer_->Start();
  EXPECT_FALSE(informer_->WaitForSync(milliseconds(1)));
  informer_->Stop();
  EXPECT_FALSE(informer_->WaitForSync(minutes(1)));
}

}  // namespace
}  // namespace hawser::kube
