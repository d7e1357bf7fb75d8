#include "lib/net/byte_pump.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunReady;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::hawser::testing::TcpPair;
using ::testing::HasSubstr;

// A pump between two connections, whose far ends are `left_` and `right_`.
class BytePumpTest : public ::testing::Test {
 protected:
  BytePumpTest() {
    const auto [left, left_inner] = TcpPair();
    const auto [right, right_inner] = TcpPair();
    left_ = std::make_unique<LoopbackPeer>(MakePlainSocket(loop_, left));
    right_ = std::make_unique<LoopbackPeer>(MakePlainSocket(loop_, right));
    pump_ = std::make_unique<BytePump>(MakePlainSocket(loop_, left_inner),
                                       MakePlainSocket(loop_, right_inner),
                                       [this](const absl::Status& status) {
                                         result_ = status;
                                         pump_.reset();
                                       });
  }

  EventLoop loop_;
  std::unique_ptr<LoopbackPeer> left_, right_;
  std::unique_ptr<BytePump> pump_;
  std::optional<absl::Status> result_;
};

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST_F(BytePumpTest, CopiesBothWays) {
  const std::string ask = Pattern(8 << 20);
  const std::string answer = Pattern(5 << 20);
  left_->Send(ask);
  right_->Send(answer);
  left_->Finish();
  right_->Finish();
  RunUntil(loop_, [&] { return result_.has_value(); });
  EXPECT_THAT(*result_, IsOk());
  RunUntil(loop_, [&] { return left_->ended() && right_->ended(); });
  EXPECT_TRUE(right_->received() == ask);
  EXPECT_TRUE(left_->received() == answer);
}

TEST_F(BytePumpTest, OneDirectionOutlivesTheOther) {
  left_->Send("question");
  left_->Finish();
  RunUntil(loop_, [&] { return right_->ended(); });
  EXPECT_EQ(right_->received(), "question");
  EXPECT_FALSE(result_.has_value());
  EXPECT_FALSE(left_->ended());
  right_->Send("answer");
  right_->Finish();
  RunUntil(loop_, [&] { return left_->ended() && result_.has_value(); });
  EXPECT_EQ(left_->received(), "answer");
  EXPECT_THAT(*result_, IsOk());
}

TEST_F(BytePumpTest, WaitsForASlowReader) {
  const std::string bytes = Pattern(32 << 20);
  right_->ReadAtMost(0);
  left_->Send(bytes);
  left_->Finish();
  RunReady(loop_);
  EXPECT_FALSE(left_->sent());
  // The other direction does not wait.
  right_->Send("hello");
  RunUntil(loop_, [&] { return left_->received() == "hello"; });
  EXPECT_FALSE(left_->sent());
  right_->ReadAtMost(SIZE_MAX);
  RunUntil(loop_, [&] { return right_->ended(); });
  EXPECT_TRUE(right_->received() == bytes);
}

TEST_F(BytePumpTest, AResetOnOneSideResetsTheOther) {
  left_->Send("hello");
  RunUntil(loop_, [&] { return right_->received() == "hello"; });
  left_->socket().Abort();
  RunUntil(loop_, [&] { return result_.has_value(); });
  EXPECT_THAT(*result_, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("reset by peer")));
  RunUntil(loop_, [&] { return right_->ended(); });
  EXPECT_THAT(right_->error(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(BytePumpTest, ATargetThatIsGoneEndsThePump) {
  left_->Finish();
  RunUntil(loop_, [&] { return right_->ended(); });
  left_->socket().Close();
  right_->Send(Pattern(4 << 20));
  RunUntil(loop_, [&] { return result_.has_value(); });
  EXPECT_FALSE(result_->ok());
}

TEST_F(BytePumpTest, DestroyingItClosesBothSides) {
  pump_.reset();
  RunUntil(loop_, [&] { return left_->ended() && right_->ended(); });
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace hawser::net
