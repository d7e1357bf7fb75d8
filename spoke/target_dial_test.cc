// How failures are worded; dials themselves are tested in agent_test.
#include "spoke/target_dial.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "lib/base/status.h"

namespace hawser::spoke {
namespace {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

TEST(LookUpFailure, InTheWordsOfGo) {
  EXPECT_EQ(LookUpFailure(absl::NotFoundError("lookup nope: no such host")),
            (Failure{Reason::kNameNotFound, Hop::kAgent, "dial tcp: lookup nope: no such host"}));
  EXPECT_EQ(LookUpFailure(absl::DeadlineExceededError("lookup nope: timed out")),
            (Failure{Reason::kTimedOut, Hop::kAgent, "dial tcp: lookup nope: i/o timeout"}));
  EXPECT_EQ(
      LookUpFailure(absl::UnavailableError("lookup nope: server misbehaving")),
      (Failure{Reason::kLookupFailed, Hop::kAgent, "dial tcp: lookup nope: server misbehaving"}));
  EXPECT_EQ(
      LookUpFailure(absl::ResourceExhaustedError("lookup nope: too many open files")),
      (Failure{Reason::kOverloaded, Hop::kAgent, "dial tcp: lookup nope: too many open files"}));
}

TEST(ConnectFailure, InTheWordsOfGo) {
  const auto failure = [](int error) {
    return ConnectFailure(base::ErrnoStatus(error, "connect to [fd00::1]:80"));
  };
  const std::string begin = "dial tcp [fd00::1]:80: ";
  EXPECT_EQ(failure(ECONNREFUSED),
            (Failure{Reason::kRefused, Hop::kTarget, begin + "connect: connection refused"}));
  EXPECT_EQ(failure(EHOSTUNREACH),
            (Failure{Reason::kUnreachable, Hop::kTarget, begin + "connect: no route to host"}));
  EXPECT_EQ(failure(ENETUNREACH), (Failure{Reason::kUnreachable, Hop::kTarget,
                                           begin + "connect: network is unreachable"}));
  EXPECT_EQ(failure(EACCES),
            (Failure{Reason::kUnreachable, Hop::kTarget, begin + "connect: permission denied"}));
  EXPECT_EQ(failure(EMFILE),
            (Failure{Reason::kOverloaded, Hop::kAgent, begin + "socket: too many open files"}));
  EXPECT_EQ(failure(EADDRNOTAVAIL), (Failure{Reason::kOverloaded, Hop::kAgent,
                                             begin + "connect: cannot assign requested address"}));
  EXPECT_EQ(ConnectFailure(absl::DeadlineExceededError("connect to 10.0.0.1:80: timed out")),
            (Failure{Reason::kTimedOut, Hop::kTarget, "dial tcp 10.0.0.1:80: i/o timeout"}));
}

}  // namespace
}  // namespace hawser::spoke
