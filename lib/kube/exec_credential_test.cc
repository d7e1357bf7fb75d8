#include "lib/kube/exec_credential.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kVersion[] = "client.authentication.k8s.io/v1";

ExecSpec Script(const std::string& script) {
  ExecSpec spec;
  spec.api_version = kVersion;
  spec.command = "/bin/sh";
  spec.arguments = {"-c", script};
  return spec;
}

std::string Printed(const std::string& status) {
  return R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" +
         status + "}";
}

TEST(ExecCredential, IsWhatTheProgramPrints) {
  const auto output = RunExecCredential(
      Script("cat <<'X'\n" +
             Printed(R"({"token":"abc","expirationTimestamp":"2026-08-01T10:00:00Z"})") + "\nX"));
  ASSERT_THAT(output, IsOk());
  EXPECT_EQ(output->credential.token, "abc");
  EXPECT_EQ(output->expires, ParseTimestamp("2026-08-01T10:00:00Z"));
}

TEST(ExecCredential, TheProgramKnowsWhatItIsFor) {
  ExecSpec spec =
      Script(R"(t=$(echo "$KUBERNETES_EXEC_INFO,$EXTRA,$HOME" | od -An -tx1 | tr -d ' \n'))"
             R"(; echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
             R"("status":{"token":"'$t'"}}')");
  ::setenv("HOME", "ours", 1);
  ::setenv("EXTRA", "not this", 1);
  spec.environment = {{"EXTRA", "more"}};
  spec.cluster = {{"server", "https://k8s.example"}};
  const auto output = RunExecCredential(spec);
  ASSERT_THAT(output, IsOk());
  std::string text;
  for (size_t i = 0; i + 1 < output->credential.token.size(); i += 2)
    text += static_cast<char>(std::stoi(output->credential.token.substr(i, 2), nullptr, 16));
  EXPECT_THAT(text, HasSubstr(R"("kind":"ExecCredential")"));
  EXPECT_THAT(text, HasSubstr(R"("cluster":{"server":"https://k8s.example"})"));
  EXPECT_THAT(text, HasSubstr(",more,ours"));
}

TEST(ExecCredential, FailuresSayWhy) {
  using Code = absl::StatusCode;
  EXPECT_THAT(RunExecCredential(Script("exit 3")),
              StatusIs(Code::kUnavailable, "credential program /bin/sh: exited with 3"));
  EXPECT_THAT(RunExecCredential(Script("kill -9 $$")),
              StatusIs(Code::kUnavailable, HasSubstr("killed by signal 9")));
  EXPECT_THAT(RunExecCredential(Script("echo hello")),
              StatusIs(Code::kInvalidArgument, HasSubstr("not JSON")));
  ExecSpec missing = Script("");
  missing.command = "/nonexistent/program";
  EXPECT_THAT(RunExecCredential(missing),
              StatusIs(Code::kNotFound, HasSubstr("/nonexistent/program: start: no such file")));
}

TEST(ExecCredential, IsBounded) {
  ExecSpec endless = Script("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done");
  endless.max_output = 10'000;
  EXPECT_THAT(RunExecCredential(endless),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("10000 bytes")));
  ExecSpec silent = Script("read x < /dev/zero");
  silent.timeout = std::chrono::milliseconds(50);
  EXPECT_THAT(RunExecCredential(silent),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("took too long")));
}

TEST(ExecCredential, AChildThatStaysBehindDoesNotHoldItUp) {
  const auto output = RunExecCredential(
      Script("(read x < /dev/zero) & echo '" + Printed(R"({"token":"abc"})") + "'"));
  ASSERT_THAT(output, IsOk());
  EXPECT_EQ(output->credential.token, "abc");
}

TEST(ExecCredential, ErrorsNameTheFieldAndNoValue) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not JSON"},
      {"[]", "kind"},
      {R"({"kind":"ExecCredential","apiVersion":"v1"})", "apiVersion is not"},
      {Printed("{}"), "neither status.token nor"},
      {Printed(R"({"clientKeyData":"s3cret"})"), "only one of"},
      {Printed(R"({"token":"s3cret\n"})"), "status.token does not fit"},
      {Printed(R"({"token":"s3cret","expirationTimestamp":"soon"})"), "expirationTimestamp"},
  };
  for (const auto& [text, error] : cases) {
    const auto output = ParseExecCredential(text, kVersion);
    EXPECT_THAT(output, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(error)));
    EXPECT_THAT(std::string(output.status().message()), ::testing::Not(HasSubstr("s3cret")));
  }
}

// A program that counts its runs in a file, and prints the count as the token.
TEST(ExecCredential, IsKeptUntilItExpiresOrIsRefused) {
  const std::string file = ::testing::TempDir() + "/runs";
  std::ofstream(file) << "";
  WallTime now = *ParseTimestamp("2026-08-01T10:00:00Z");
  ExecCredentials credentials(
      Script("echo >> " + file + "; n=$(wc -l < " + file + ")\n" +
             R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
             R"("status":{"token":"t'$n'","expirationTimestamp":"2026-08-01T11:00:00Z"}}')"),
      [&] { return now; });
  const auto first = credentials.Get();
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->token, "t1");
  EXPECT_EQ(credentials.Get()->token, "t1");
  credentials.OnRefused(*first);
  EXPECT_EQ(credentials.Get()->token, "t2");
  credentials.OnRefused(*first);  // by somebody who still had the old one
  EXPECT_EQ(credentials.Get()->token, "t2");
  now += std::chrono::minutes(60) - std::chrono::seconds(5);
  EXPECT_EQ(credentials.Get()->token, "t3");
}

}  // namespace
}  // namespace hawser::kube
