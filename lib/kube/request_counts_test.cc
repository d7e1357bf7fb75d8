#include "lib/kube/request_counts.h"

#include <gtest/gtest.h>

#include "lib/kube/api_error.h"

namespace hawser::kube {
namespace {

using std::chrono::milliseconds;

TEST(RequestCounts, CountsAnswers) {
  RequestCounts counts({.1, 1});
  counts.Observe(absl::OkStatus(), milliseconds(50));
  counts.Observe(absl::OkStatus(), milliseconds(500));
  counts.Observe(ApiError(403, R"({"kind":"Status","reason":"Forbidden","message":"no"})"),
                 milliseconds(1));
  counts.Observe(absl::UnavailableError("connection refused"), milliseconds(1));
  counts.Observe(500, "InternalError", milliseconds(1));
  const RequestCounts::Picture picture = counts.picture();
  EXPECT_EQ(picture.answers,
            (decltype(picture.answers){
                {{200, ""}, 2}, {{403, "Forbidden"}, 1}, {{500, "InternalError"}, 1}}));
  EXPECT_EQ(picture.latencies.size(), 3u);
  EXPECT_EQ(picture.latencies.at(200).count(), 2u);
}

}  // namespace
}  // namespace hawser::kube
