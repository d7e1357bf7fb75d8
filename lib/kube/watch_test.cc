#include "lib/kube/watch.h"

#include <gtest/gtest.h>

#include "lib/kube/api_error.h"
#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

const Resource kConfigMaps{.version = "v1", .plural = "configmaps"};

std::string Line(const std::string& type, const std::string& name) {
  return Object({{"type", type},
                 {"object", {{"metadata", {{"name", name}, {"resourceVersion", "7"}}}}}})
      .dump();
}

TEST(ParseWatchEvent, ReadsEachType) {
  const auto added = ParseWatchEvent(Line("ADDED", "a"));
  ASSERT_THAT(added, IsOk());
  EXPECT_EQ(added->type, WatchEvent::Type::kAdded);
  EXPECT_EQ(NameOf(added->object).name, "a");
  EXPECT_EQ(ParseWatchEvent(Line("MODIFIED", "a"))->type, WatchEvent::Type::kModified);
  EXPECT_EQ(ParseWatchEvent(Line("DELETED", "a"))->type, WatchEvent::Type::kDeleted);
  EXPECT_EQ(ParseWatchEvent(Line("BOOKMARK", ""))->type, WatchEvent::Type::kBookmark);
}

TEST(ParseWatchEvent, ErrorsAreTheServers) {
  const auto gone = ParseWatchEvent(
      R"({"type":"ERROR","object":{"code":410,"reason":"Expired","message":"too old"}})");
  EXPECT_TRUE(IsGone(gone.status()));
  EXPECT_THAT(gone, StatusIs(Code::kOutOfRange, "too old (Expired)"));
}

TEST(ParseWatchEvent, RefusesAllElse) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not JSON"},
      {"7", "without an object"},
      {R"({"type":"ADDED"})", "without an object"},
      {R"({"type":"ADDED","object":[]})", "without an object"},
      {Line("RENAMED", "a"), "no known type"},
      {Line("ADDED", ""), "without a name"},
      {R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})", "without a resource version"},
  };
  for (const auto& [line, error] : cases)
    EXPECT_THAT(ParseWatchEvent(line), StatusIs(Code::kInternal, HasSubstr(error))) << line;
}

TEST(LineSplitter, DoesNotCareHowTheStreamIsCut) {
  std::vector<std::string> lines;
  const auto keep = [&](const std::string& line) {
    lines.push_back(line);
    return absl::OkStatus();
  };
  LineSplitter splitter;
  for (const char* part : {"a", "b\ncd", "\n\n", "e\nf\ng", ""})
    EXPECT_THAT(splitter.Add(part, keep), IsOk());
  EXPECT_THAT(lines, ElementsAre("ab", "cd", "e", "f"));
}

TEST(LineSplitter, BoundsLinesAndStopsAtAnError) {
  const auto drop = [](const std::string&) { return absl::OkStatus(); };
  LineSplitter splitter(4);
  EXPECT_THAT(splitter.Add("1234\n12", drop), IsOk());
  EXPECT_THAT(splitter.Add("345", drop),
              StatusIs(Code::kResourceExhausted, HasSubstr("longer than 4 bytes")));
  const auto refuse = [](const std::string& line) { return absl::DataLossError(line); };
  EXPECT_THAT(LineSplitter().Add("one\ntwo\n", refuse), StatusIs(Code::kDataLoss, "one"));
}

class WatchTest : public ::testing::Test {
 protected:
  absl::Status WatchOnce() {
    return Watch(client_, kConfigMaps, {.selection = {.ns = "ns"}, .resource_version = "1"},
                 [&](const WatchEvent& event) {
                   names_.push_back(NameOf(event.object).name);
                   return absl::OkStatus();
                 },
                 {});
  }

  FakeApiServer server_;
  Client client_{server_.config()};
  std::vector<std::string> names_;
};

TEST_F(WatchTest, TellsWhatCameBeforeTheStreamBroke) {
  server_.Script({.target = "watch=true", .body = Line("ADDED", "a") + "\n{\"type\":\"AD"});
  EXPECT_THAT(WatchOnce(), IsOk());  // the rest comes with the next watch
  EXPECT_THAT(names_, ElementsAre("a"));
}

TEST_F(WatchTest, AsksForWhatItIsTold) {
  server_.Script({.target = "watch=true"});
  EXPECT_THAT(WatchOnce(), IsOk());
  const std::string target = server_.seen().back().target;
  EXPECT_THAT(target, HasSubstr("/api/v1/namespaces/ns/configmaps?"));
  EXPECT_THAT(target, HasSubstr("allowWatchBookmarks=true"));
  EXPECT_THAT(target, HasSubstr("resourceVersion=1"));
  EXPECT_THAT(target, HasSubstr("timeoutSeconds=300"));
}

TEST_F(WatchTest, ErrorsSayWhatWasWatched) {
  server_.Script({.target = "watch=true", .body = "no event\n"});
  EXPECT_THAT(WatchOnce(), StatusIs(Code::kInternal, HasSubstr("watch configmaps: ")));
  server_.Script({.target = "watch=true",
                  .status = 410,
                  .body = R"({"kind":"Status","reason":"Expired","message":"too old"})"});
  EXPECT_TRUE(IsGone(WatchOnce()));
  server_.Script({.target = "watch=true",
                  .body = R"({"type":"ERROR","object":{"code":410,"reason":"Expired"}})"
                          "\n"});
  EXPECT_TRUE(IsGone(WatchOnce()));
}

TEST_F(WatchTest, BoundsLines) {
  server_.Script({.target = "watch=true", .body = std::string(LineSplitter::kMaxLine + 1, 'x')});
  EXPECT_THAT(WatchOnce(), StatusIs(Code::kResourceExhausted, HasSubstr("a line is longer")));
}

}  // namespace
}  // namespace hawser::kube
