#include "spoke/lease_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

std::string Lease(const std::string& times, const std::string& space = "kube-system",
                  const std::string& app = "konnectivity-server") {
  return R"({"metadata": {"namespace": ")" + space + R"(", "labels": {"k8s-app": ")" + app +
         R"("}}, "spec": {)" + times + "}}";
}
std::string RenewedAt(const std::string& time) {
  return R"("leaseDurationSeconds": 30, "acquireTime": "2026-01-01T00:00:00.000000Z", )"
         R"("renewTime": ")" +
         time + "\"";
}
std::string List(const std::vector<std::string>& leases) {
  std::string items;
  for (const std::string& lease : leases) items += (items.empty() ? "" : ", ") + lease;
  return R"({"apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList", "items": [)" + items +
         "]}";
}

class LeaseFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& content) {
    std::ofstream(path_ + ".new") << content;
    std::filesystem::rename(path_ + ".new", path_);
  }

  const std::string path_ = ::testing::TempDir() + "/leases.json";
  const LeaseFilter filter_{"kube-system", *LabelSelector::Parse("k8s-app=konnectivity-server")};
  std::map<std::pair<int, std::string>, uint64_t> Lists() {
    return file_.counters().lists.picture().answers;
  }

  kube::WallTime now_ = *kube::ParseTimestamp("2026-06-01T12:00:00Z");
  LeaseFile file_{path_, filter_, [this] { return now_; }};
};

TEST_F(LeaseFileTest, CountsLeasesThatHaveNotExpired) {
  Write(List({Lease(RenewedAt("2026-06-01T11:59:31.000000Z")),
              Lease(RenewedAt("2026-06-01T13:59:59.123456+02:00")),
              Lease(RenewedAt("2026-06-01T11:59:30.000000Z")),  // just now
              Lease(R"("leaseDurationSeconds": 30, "acquireTime": "2026-06-01T11:59:50Z")"),
              Lease(R"("leaseDurationSeconds": 30)"), Lease(R"("renewTime": "soon")"),
              Lease(RenewedAt("2026-06-01T12:00:00Z"), "default"),
              Lease(RenewedAt("2026-06-01T12:00:00Z"), "kube-system", "other"), "{}", "1"}));
  EXPECT_EQ(file_.Count(), 3u);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(file_.Count(), 2u);
  now_ += std::chrono::hours(1);
  EXPECT_EQ(file_.Count(), 1u);  // whoever asks is talking to one
  EXPECT_EQ(Lists(), (decltype(Lists()){{{200, ""}, 1}}));
}

TEST_F(LeaseFileTest, FollowsChangesAndKeepsTheLastThatCouldBeRead) {
  std::filesystem::remove(path_);
  EXPECT_EQ(file_.Count(), 1u);
  const std::string lease = Lease(RenewedAt("2026-06-01T12:00:00Z"));
  Write(List({lease, lease}));
  EXPECT_EQ(file_.Count(), 2u);
  Write(List({lease, lease, lease}));
  EXPECT_EQ(file_.Count(), 3u);
  Write("{");
  EXPECT_EQ(file_.Count(), 3u);
  EXPECT_EQ(file_.Count(), 3u);
  EXPECT_EQ(Lists(), (decltype(Lists()){
                         {{200, ""}, 2}, {{404, "NotFound"}, 1}, {{500, "InternalError"}, 2}}))
      << "what could not be read is tried again";
  EXPECT_EQ(file_.counters().lists.picture().latencies.at(200).count(), 2u);
}

TEST(ParseLeases, RefusesWhatIsNoList) {
  for (const char* text : {"", "[]", "{}", R"({"items": {}})", "null", R"({"items": [)"})
    EXPECT_THAT(ParseLeases(text, {}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a list of leases")))
        << text;
  // Whatever is in it.
  EXPECT_TRUE(ParseLeases(R"({"items": [{"metadata": [], "spec": 3}, null,
      {"metadata": {"namespace": "", "labels": {"a": 1}},
       "spec": {"leaseDurationSeconds": 99999999999999999999, "renewTime": {}}}]})",
                          {})
                  .ok());
}

}  // namespace
}  // namespace hawser::spoke
