#include "lib/tunnel/socket_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "lib/testing/loopback.h"

namespace hawser::tunnel {
namespace {

class SocketSourceTest : public ::testing::Test, public SocketSource::Owner {
 protected:
  SocketSourceTest() {
    const auto [ours, theirs] = testing::UnixPair();
    peer_ = theirs;
    socket_ = net::MakePlainSocket(loop_, ours);
  }
  ~SocketSourceTest() override { close(peer_); }

  void OnReadable() override { ++readable_; }
  void OnHangUp() override {}

  net::EventLoop loop_;
  int peer_;
  std::unique_ptr<net::Socket> socket_;
  int readable_ = 0;
};

TEST_F(SocketSourceTest, WhatWasReadAheadComesFirstAndIsChargedUntilThen) {
  const auto memory = std::make_shared<MemoryBudget>(1 << 20);
  SocketSource source(*socket_, std::string(5000, 'a'), memory, *this);
  EXPECT_GE(memory->used(), 5000u);
  source.Start();
  EXPECT_EQ(readable_, 1);
  ASSERT_EQ(write(peer_, "later", 5), 5);
  uint8_t space[4000];
  EXPECT_EQ(source.Pull(space).bytes, 4000u);
  EXPECT_GE(memory->used(), 1000u);
  EXPECT_EQ(source.Pull(space).bytes, 1000u);
  EXPECT_EQ(memory->used(), 0u);
  const SocketSource::Read last = source.Pull(space);
  EXPECT_EQ(std::string(space, space + last.bytes), "later");
}

}  // namespace
}  // namespace hawser::tunnel
