// How failures are worded, and what a connected socket is like; dials are tested in agent_test.
#include "spoke/target_dial.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "lib/base/status.h"
#include "lib/net/listener.h"
#include "lib/net/socket_address.h"
#include "lib/testing/loopback.h"

namespace hawser::spoke {
namespace {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

int OptionOf(const net::Socket& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket.fd(), level, name, &value, &size), 0);
  return value;
}

// A target whose host has lost its power is found out, in a minute.
TEST(TargetDial, IdleTargetsAreProbed) {
  net::EventLoop loop;
  net::Resolver resolver(loop);
  const auto listener = *net::Listener::Tcp(loop, *net::BindEndpoint("127.0.0.1", 0));
  const TargetRules rules{TargetNames({}), AllowList(), std::chrono::seconds(10)};
  std::unique_ptr<net::Socket> target;
  bool done = false;
  TargetDial dial(loop, resolver, nullptr, rules,
                  [&](std::unique_ptr<net::Socket> socket, const Failure*) {
                    target = std::move(socket);
                    done = true;
                  });
  dial.Start("tcp", "127.0.0.1:" + std::to_string(listener->port()));
  testing::RunUntil(loop, [&] { return done; });
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(OptionOf(*target, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(OptionOf(*target, IPPROTO_TCP, TCP_KEEPIDLE), 15);
  EXPECT_EQ(OptionOf(*target, IPPROTO_TCP, TCP_KEEPINTVL), 15);
  EXPECT_EQ(OptionOf(*target, IPPROTO_TCP, TCP_KEEPCNT), 3);
  // It would take one that does not read for one that is gone.
  EXPECT_EQ(OptionOf(*target, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
}

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
