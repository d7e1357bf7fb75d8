#include "lib/kube/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "lib/kube/api_error.h"
#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

const Resource kConfigMaps{.version = "v1", .plural = "configmaps"};

Object ConfigMap(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"namespace", "ns"}, {"name", name}}},
          {"data", {{"a", "1"}}}};
}

FakeApiServer::Answer Refusal(int status, std::optional<std::string> retry_after = {}) {
  FakeApiServer::Answer answer{.status = status, .body = R"({"kind":"Status","message":"busy"})"};
  if (retry_after.has_value()) answer.headers = {{"Retry-After", *retry_after}};
  return answer;
}

// Gives tokens "t1", "t2", ...: the next one after each refusal.
class CountingCredentials final : public Credentials {
 public:
  absl::StatusOr<Credential> Get() override {
    return Credential{.token = "t" + std::to_string(count_)};
  }
  void OnRefused(const Credential&) override { ++count_; }

 private:
  std::atomic<int> count_ = 1;
};

class ClientTest : public ::testing::Test {
 protected:
  FakeApiServer server_;
  Client client_{server_.config()};
};

TEST_F(ClientTest, SaysWhatFailedOnWhat) {
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}),
              StatusIs(Code::kNotFound, HasSubstr("get configmaps ns/x: ")));
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", ""}),
              StatusIs(Code::kInvalidArgument, "get configmaps ns/: name is empty"));
  ASSERT_THAT(client_.Create(kConfigMaps, ConfigMap("x")), IsOk());
  EXPECT_THAT(client_.Create(kConfigMaps, ConfigMap("x")),
              StatusIs(Code::kAlreadyExists, HasSubstr("create configmaps ns/x: ")));
}

TEST_F(ClientTest, WaitsAsTheServerAsks) {
  ASSERT_THAT(client_.Create(kConfigMaps, ConfigMap("x")), IsOk());
  server_.Script(Refusal(429, "1"));
  const base::Time started = base::Clock::now();
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}), IsOk());
  EXPECT_GE(base::Clock::now() - started, std::chrono::seconds(1));
  EXPECT_EQ(server_.Count("GET", "configmaps/x"), 2);
}

TEST_F(ClientTest, RepeatsWhatPassesAndIsSafe) {
  ASSERT_THAT(client_.Create(kConfigMaps, ConfigMap("x")), IsOk());
  for (const int status : {429, 502, 503, 504}) server_.Script(Refusal(status));
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}), IsOk());
  EXPECT_EQ(server_.Count("GET", "configmaps/x"), 5);

  server_.Script(Refusal(500));
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}), StatusIs(Code::kInternal, HasSubstr("busy")));

  server_.Script(Refusal(503));
  EXPECT_THAT(client_.Create(kConfigMaps, ConfigMap("y")), StatusIs(Code::kUnavailable));
  server_.Script(Refusal(429));
  server_.Script(Refusal(500, "0"));
  EXPECT_THAT(client_.Create(kConfigMaps, ConfigMap("y")), IsOk());
}

TEST_F(ClientTest, GivesUpAtTheDeadline) {
  server_.Script(Refusal(429, "100000"));
  const base::Time started = base::Clock::now();
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}),
              StatusIs(Code::kResourceExhausted, HasSubstr("busy")));
  EXPECT_LT(base::Clock::now() - started, std::chrono::seconds(10));
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}, {.timeout = base::Duration(0)}),
              StatusIs(Code::kDeadlineExceeded));
}

TEST_F(ClientTest, ReadsPageByPage) {
  Client client(server_.config(), {.page = 2});
  for (const char* name : {"a", "b", "c", "d", "e"})
    ASSERT_THAT(client.Create(kConfigMaps, ConfigMap(name)), IsOk());
  const auto list = client.List(kConfigMaps, {.ns = "ns"});
  ASSERT_THAT(list, IsOk());
  ASSERT_EQ(list->items.size(), 5u);
  EXPECT_EQ(NameOf(list->items[4]).name, "e");
  EXPECT_EQ(StringAt(list->items[4], {"kind"}), "ConfigMap");
  EXPECT_EQ(StringAt(list->items[4], {"apiVersion"}), "v1");
  EXPECT_FALSE(list->resource_version.empty());
  EXPECT_EQ(server_.Count("GET", "limit=2"), 3);
  EXPECT_EQ(server_.Count("GET", "continue="), 2);

  server_.Script({.target = "continue=",
                  .status = 410,
                  .body = R"({"kind":"Status","reason":"Expired","message":"too old"})"});
  EXPECT_TRUE(IsGone(client.List(kConfigMaps, {.ns = "ns"}).status()));
}

TEST_F(ClientTest, RefusesListsThatAreNone) {
  for (const char* body : {"{}", "[]", "7", R"({"items":{}})"}) {
    server_.Script({.body = body});
    EXPECT_THAT(client_.List(kConfigMaps, {}),
                StatusIs(Code::kInternal, "list configmaps: the answer is no list"));
  }
  server_.Script({.body = R"({"items":null,"metadata":{"resourceVersion":"7"}})"});
  EXPECT_THAT(client_.List(kConfigMaps, {}), IsOk());
  server_.Script({.body = "<html>"});
  EXPECT_THAT(client_.List(kConfigMaps, {}), StatusIs(Code::kInternal, HasSubstr("not JSON")));
}

TEST_F(ClientTest, BoundsAnswers) {
  Client client(server_.config(), {.max_answer = 1000});
  server_.Script({.body = std::string(1001, ' ')});
  EXPECT_THAT(client.Get(kConfigMaps, {"ns", "x"}),
              StatusIs(Code::kResourceExhausted, HasSubstr("longer than 1000 bytes")));
  server_.Script({.body = std::string(998, ' ') + "{}"});
  EXPECT_THAT(client.Get(kConfigMaps, {"ns", "x"}), IsOk());
}

TEST_F(ClientTest, KeepsItsConnection) {
  ASSERT_THAT(client_.Create(kConfigMaps, ConfigMap("x")), IsOk());
  ConnectionPool pool(server_.config());
  auto connection = *pool.Take({});
  const Connection* raw = connection.get();
  const HttpRequest request{.method = "GET", .target = "/api/v1/namespaces/ns/configmaps/x"};
  const auto drop = [](const HttpHead&, const std::string&) { return absl::OkStatus(); };
  ASSERT_THAT(connection->Exchange(request, drop), IsOk());
  EXPECT_FALSE(connection->reused());
  pool.Return(std::move(connection));
  connection = *pool.Take({});
  EXPECT_EQ(connection.get(), raw);
  ASSERT_THAT(connection->Exchange(request, drop), IsOk());
  EXPECT_TRUE(connection->reused());
}

TEST_F(ClientTest, AsksForCredentialsAgainWhenTheyAreRefused) {
  Config config = server_.config();
  config.credentials = std::make_shared<CountingCredentials>();
  Client client(config);
  ASSERT_THAT(client.Create(kConfigMaps, ConfigMap("x")), IsOk());
  server_.Script(Refusal(401));
  EXPECT_THAT(client.Get(kConfigMaps, {"ns", "x"}), IsOk());
  EXPECT_EQ(server_.seen().back().authorization, "Bearer t2");
  server_.Script(Refusal(401));
  server_.Script(Refusal(401));
  EXPECT_THAT(client.Get(kConfigMaps, {"ns", "x"}), StatusIs(Code::kUnauthenticated));
  // Without others to try it is not asked twice.
  server_.Script(Refusal(401));
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}), StatusIs(Code::kUnauthenticated));
}

TEST_F(ClientTest, HoldsItsRate) {
  Client client(server_.config(), {.qps = 0.001, .burst = 1});
  ASSERT_THAT(client.Create(kConfigMaps, ConfigMap("x")), IsOk());
  EXPECT_THAT(client.Get(kConfigMaps, {"ns", "x"}),
              StatusIs(Code::kResourceExhausted, HasSubstr("too many requests per second")));
  EXPECT_EQ(server_.Count("GET", ""), 0);
}

TEST_F(ClientTest, StopsWhileItWaitsForAnAnswer) {
  std::stop_source source;
  std::thread stopper([&] {
    server_.AwaitWatches(1);
    source.request_stop();
  });
  // A watch that nobody feeds.
  const absl::Status status = client_.Stream(
      "/api/v1/configmaps?watch=true", [](const std::string&) { return absl::OkStatus(); },
      {.timeout = std::chrono::hours(1), .stop = source.get_token()});
  stopper.join();
  EXPECT_THAT(status, StatusIs(Code::kCancelled));
  EXPECT_THAT(client_.Get(kConfigMaps, {"ns", "x"}, {.stop = source.get_token()}),
              StatusIs(Code::kCancelled));
}

TEST_F(ClientTest, TimesOutWhileItWaitsForAnAnswer) {
  EXPECT_THAT(client_.Stream("/api/v1/configmaps?watch=true",
                             [](const std::string&) { return absl::OkStatus(); },
                             {.timeout = std::chrono::milliseconds(100)}),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("no whole answer")));
}

TEST_F(ClientTest, ASinkEndsAStream) {
  EXPECT_THAT(client_.Stream("/api/v1/configmaps?watch=true",
                             [](const std::string&) { return absl::DataLossError("enough"); }, {}),
              StatusIs(Code::kDataLoss, "enough"));
}

TEST(Client, SaysWhyThereIsNoConnection) {
  Config config = FakeApiServer().config();  // gone at once
  EXPECT_THAT(Client(config).Get(kConfigMaps, {"ns", "x"}),
              StatusIs(Code::kUnavailable, HasSubstr("connection refused")));
  config.server.host = "name.invalid";
  EXPECT_THAT(Client(config).Get(kConfigMaps, {"ns", "x"}),
              StatusIs(Code::kUnavailable, HasSubstr("name.invalid:")));
}

}  // namespace
}  // namespace hawser::kube
