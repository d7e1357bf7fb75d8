// Peers that break the protocol or flood: each loses its own connection with a reason, soon and
// with little memory; the honest one beside it notices nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/h2/loopback.h"
#include "lib/h2/raw_http2.h"
#include "lib/h2/transport.h"
#include "lib/testing/status_matchers.h"

namespace hawser::h2 {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

constexpr size_t kMaxMemory = 4 << 20;

size_t HeapInUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// A server transport whose client is the test, byte by byte, on the loop of an honest pair.
class Attack {
 public:
  explicit Attack(const Options& options = {}) {
    honest_call_ = honest_.OpenAnswered();
    heap_at_start_ = HeapInUse();
    const auto [ours, attackers] = SocketPair();
    fd_ = attackers;
    server_ = Transport::Server(
        net::MakePlainSocket(*honest_.loop, ours), options,
        [this](const std::string&, const net::Metadata&) {
          auto call = std::make_shared<TestCall>();
          call->on_open = [raw = call.get()] { raw->stream->SendHeaders({}); };
          call->withhold = withhold;
          ++calls;
          if (refuse) return std::unique_ptr<net::StreamHandler>();
          last_call = call;
          return call->Handler();
        },
        [this](const absl::Status& why) { closed = why; });
  }
  ~Attack() { ::close(fd_); }

  // Sends `first`, then what `next` gives again and again, until the server closed the connection
  // or `limit` bytes were sent. Without `reads` the attacker never takes an answer.
  void Run(std::string first, const std::function<std::string()>& next = nullptr,
           size_t limit = 64 << 20, bool reads = true) {
    std::string pending = std::move(first);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!closed.has_value() && std::chrono::steady_clock::now() < deadline) {
      while (next != nullptr && pending.size() < kChunk && sent < limit) pending += next();
      const ssize_t count = ::send(fd_, pending.data(), pending.size(), MSG_NOSIGNAL);
      if (count > 0) {
        sent += static_cast<size_t>(count);
        pending.erase(0, static_cast<size_t>(count));
      }
      if (reads) ReadAnswers();
      (*honest_.loop).io().poll_one();
      peak_heap = std::max(peak_heap, HeapInUse());
      if (pending.empty() && (next == nullptr || sent >= limit)) break;
    }
    // What is on its way may still decide.
    if (next == nullptr || !closed.has_value())
      honest_.loop.Await([&] { return closed.has_value(); }, std::chrono::seconds(5));
    ReadAnswers();
  }

  void ReadAnswers() {
    char buffer[65536];
    for (ssize_t n; (n = ::recv(fd_, buffer, sizeof buffer, 0)) > 0;)
      answers.append(buffer, static_cast<size_t>(n));
    // The end of what the server said is enough.
    if (answers.size() > kChunk) answers.erase(0, answers.size() - kChunk);
  }

  void ExpectHonestPeerUnharmed() {
    honest_.Do([&] { honest_call_->Send("still here?"); });
    EXPECT_TRUE(honest_.Await([&] { return !honest_.accepted()->received.empty(); }));
    EXPECT_FALSE(honest_.client_closed.has_value());
  }
  size_t memory() const { return peak_heap > heap_at_start_ ? peak_heap - heap_at_start_ : 0; }
  bool Await(const std::function<bool()>& condition) { return honest_.Await(condition); }
  void Send(const std::string& bytes) {
    ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  bool withhold = false;
  bool refuse = false;
  std::optional<absl::Status> closed;
  size_t calls = 0;
  std::shared_ptr<TestCall> last_call;
  size_t sent = 0;
  size_t peak_heap = 0;
  std::string answers;

 private:
  static constexpr size_t kChunk = 128 * 1024;
  Loopback honest_;
  std::shared_ptr<TestCall> honest_call_;
  size_t heap_at_start_;
  int fd_;
  std::unique_ptr<Transport> server_;
};

// One broken thing, said once after a valid preface and an open request on stream 1.
struct Violation {
  const char* name;
  std::string bytes;
  absl::StatusCode code;
  const char* reason;
};

class ViolationTest : public ::testing::TestWithParam<Violation> {};

TEST_P(ViolationTest, ClosesTheConnectionWithAReason) {
  Attack attack;
  attack.Run(Preface() + Request(1) + GetParam().bytes);
  ASSERT_TRUE(attack.closed.has_value());
  EXPECT_THAT(*attack.closed, StatusIs(GetParam().code, HasSubstr(GetParam().reason)));
  ASSERT_NE(attack.last_call, nullptr);
  EXPECT_FALSE(attack.last_call->closed->ok());
  attack.ExpectHonestPeerUnharmed();
}

INSTANTIATE_TEST_SUITE_P(
    Http2, ViolationTest,
    ::testing::Values(
        Violation{"OversizedFrame", Number(65536, 3) + Number(kData, 1) + Number(0, 5),
                  absl::StatusCode::kInternal, "FRAME_SIZE_ERROR"},
        Violation{"DataOnAnIdleStream", Frame(kData, kNoFlags, 7, "x"), absl::StatusCode::kInternal,
                  "PROTOCOL_ERROR"},
        Violation{"DataOnStreamZero", Frame(kData, kNoFlags, 0, "x"), absl::StatusCode::kInternal,
                  "PROTOCOL_ERROR"},
        Violation{"EvenStreamId", Frame(kHeaders, kEndHeaders, 2, RequestFields()),
                  absl::StatusCode::kInternal, "HEADERS"},
        Violation{"BrokenHpack", Frame(kHeaders, kEndHeaders, 3, "\xff\xff\xff\xff\xff\xff"),
                  absl::StatusCode::kInternal, "COMPRESSION_ERROR"},
        Violation{"UpperCaseFieldName",
                  Frame(kHeaders, kEndHeaders, 3, RequestFields() + Field("Agent", "x")),
                  absl::StatusCode::kInternal, "HEADERS"},
        Violation{"NoPath", Frame(kHeaders, kEndHeaders, 3, Field(":method", "POST")),
                  absl::StatusCode::kInternal, "HEADERS"},
        Violation{"ConnectionWindowOverflow",
                  Frame(kWindowUpdate, kNoFlags, 0, Number(0x7fffffff, 4)),
                  absl::StatusCode::kInternal, "WINDOW_UPDATE"},
        Violation{"StreamWindowOverflow", Frame(kWindowUpdate, kNoFlags, 1, Number(0x7fffffff, 4)),
                  absl::StatusCode::kInternal, "WINDOW_UPDATE"},
        Violation{"WindowUpdateOfNothing", Frame(kWindowUpdate, kNoFlags, 1, Number(0, 4)),
                  absl::StatusCode::kInternal, "WINDOW_UPDATE"},
        Violation{"SettingsOfOddSize", Frame(kSettings, kNoFlags, 0, "xyz"),
                  absl::StatusCode::kInternal, "FRAME_SIZE_ERROR"},
        Violation{"ContinuationOfNothing", Frame(kContinuation, kNoFlags, 1, "x"),
                  absl::StatusCode::kInternal, "PROTOCOL_ERROR"},
        Violation{"InterruptedHeaders",
                  Frame(kHeaders, kNoFlags, 3, "") + Frame(kPing, kNoFlags, 0, "12345678"),
                  absl::StatusCode::kInternal, "PROTOCOL_ERROR"},
        Violation{"UnaskedSettingsAck",
                  Frame(kSettings, kAck, 0, "") + Frame(kSettings, kAck, 0, ""),
                  absl::StatusCode::kInternal, "SETTINGS"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Grpc, ViolationTest,
    ::testing::Values(
        Violation{"MessageOfFourGigabytes", Frame(kData, kNoFlags, 1, Prefix(0xffffffff)),
                  absl::StatusCode::kInvalidArgument, "message of 4294967295 bytes"},
        Violation{"CompressedMessage", Frame(kData, kNoFlags, 1, Prefix(3, 1) + "abc"),
                  absl::StatusCode::kInvalidArgument, "compressed"},
        Violation{"UnknownFlag", Frame(kData, kNoFlags, 1, Prefix(3, 0x80) + "abc"),
                  absl::StatusCode::kInvalidArgument, "flags"},
        Violation{"EndWithinAPrefix", Frame(kData, kEndStream, 1, std::string(2, '\0')),
                  absl::StatusCode::kInvalidArgument, "within a message"},
        Violation{"EndWithinAMessage", Frame(kData, kEndStream, 1, Prefix(10) + "abc"),
                  absl::StatusCode::kInvalidArgument, "within a message"}),
    [](const auto& instance) { return instance.param.name; });

TEST(GarbageTest, IsNotHttp2) {
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\nHost: hub\r\n\r\n"), std::string(100, '\0'),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string(100, '\xff')}) {
    Attack attack;
    attack.Run(garbage);
    ASSERT_TRUE(attack.closed.has_value());
    EXPECT_THAT(*attack.closed, StatusIs(absl::StatusCode::kInternal, HasSubstr("broke http/2")));
    attack.ExpectHonestPeerUnharmed();
  }
}

// What is said again and again, until it is too much.
struct Flood {
  const char* name;
  std::string first;                          // after the preface
  std::function<std::string(uint32_t)> unit;  // for 0, 1, 2, ...
  const char* reason;
};

class FloodTest : public ::testing::TestWithParam<Flood> {};

TEST_P(FloodTest, EndsSoonWithLittleMemory) {
  Attack attack;
  uint32_t count = 0;
  attack.Run(Preface() + GetParam().first, [&] { return GetParam().unit(count++); });
  ASSERT_TRUE(attack.closed.has_value());
  EXPECT_THAT(*attack.closed,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(GetParam().reason)));
  EXPECT_THAT(attack.answers, HasSubstr(GetParam().reason)) << "no GOAWAY with the reason";
  EXPECT_LE(attack.calls, 2000u);
  EXPECT_LT(attack.memory(), kMaxMemory);
  attack.ExpectHonestPeerUnharmed();
}

TEST_P(FloodTest, EndsSoonWhenNothingIsRead) {
  Attack attack;
  uint32_t count = 0;
  attack.Run(
      Preface() + GetParam().first, [&] { return GetParam().unit(count++); }, 64 << 20,
      /*reads=*/false);
  ASSERT_TRUE(attack.closed.has_value());
  EXPECT_LT(attack.memory(), kMaxMemory);
  attack.ExpectHonestPeerUnharmed();
}

std::string BigTableHeaders() {
  // One entry that fills the dynamic table which HPACK grants before our settings are known.
  return Frame(kHeaders, kEndHeaders, 1,
               RequestFields() + Field("x", std::string(4000, 'x'), /*indexed=*/true));
}

INSTANTIATE_TEST_SUITE_P(
    Frames, FloodTest,
    ::testing::Values(
        Flood{"RapidReset", "", [](uint32_t i) { return Request(2 * i + 1) + Reset(2 * i + 1); },
              "RST_STREAM"},
        Flood{"Ping", "", [](uint32_t) { return Frame(kPing, kNoFlags, 0, "12345678"); }, "PING"},
        Flood{"PingAnswers", "", [](uint32_t) { return Frame(kPing, kAck, 0, "12345678"); },
              "PING answer"},
        Flood{"Settings", "",
              [](uint32_t i) { return Frame(kSettings, kNoFlags, 0, Number(3, 2) + Number(i, 4)); },
              "SETTINGS"},
        Flood{"EmptyData", Request(1), [](uint32_t) { return Frame(kData, kNoFlags, 1, ""); },
              "empty DATA"},
        Flood{
            "PaddedEmptyData", Request(1),
            [](uint32_t) { return Frame(kData, kPadded, 1, Number(9, 1) + std::string(9, '\0')); },
            "empty DATA"},
        Flood{"WindowUpdate", "",
              [](uint32_t) { return Frame(kWindowUpdate, kNoFlags, 0, Number(1, 4)); },
              "WINDOW_UPDATE"},
        Flood{"Priority", "",
              [](uint32_t i) {
                return Frame(kPriority, kNoFlags, 2 * i + 1, Number(0, 4) + Number(7, 1));
              },
              "PRIORITY"},
        Flood{"UnknownFrames", "",
              [](uint32_t i) { return Frame(0x20 + i % 100, kNoFlags, 0, std::string(100, 'x')); },
              "unknown"},
        Flood{"PriorityUpdate", "",
              [](uint32_t) { return Frame(0x10, kNoFlags, 0, Number(1, 4) + "u=1"); }, "unknown"},
        Flood{"AlternativeServices", "",
              [](uint32_t) { return Frame(0x0a, kNoFlags, 0, Number(0, 2) + "h2=\":1\""); },
              "unknown"},
        Flood{"GoAway", "",
              [](uint32_t) { return Frame(kGoAway, kNoFlags, 0, Number(0, 4) + Number(0, 4)); },
              "GOAWAY"},
        Flood{"RequestsOtherThanGrpc", "",
              [](uint32_t i) {
                return Frame(kHeaders, kEndHeaders | kEndStream, 2 * i + 1, RequestFields("GET"));
              },
              "refused"},
        Flood{"StreamsOverTheLimit", "", [](uint32_t i) { return Request(2 * i + 1); }, "refused"},
        Flood{"HpackBomb", BigTableHeaders(),
              [](uint32_t i) {
                // 62: the entry of 4 KB, 15,000 times in one frame.
                return Frame(kHeaders, kEndHeaders, 2 * i + 3,
                             RequestFields() + std::string(15000, '\xbe'));
              },
              "header list over 16384 bytes"},
        Flood{"ManySmallFields", "",
              [](uint32_t i) {
                return Frame(kHeaders, kEndHeaders, 2 * i + 1,
                             RequestFields() + std::string(15000, '\x90'));
              },
              "header list over 16384 bytes"}),
    [](const auto& instance) { return instance.param.name; });

TEST(ContinuationFloodTest, EndsSoonWithLittleMemory) {
  for (const std::string& piece : {std::string(), Field("a", "b"), std::string(100, '\0')}) {
    Attack attack;
    attack.Run(Preface() + Frame(kHeaders, kNoFlags, 1, RequestFields()),
               [&] { return Frame(kContinuation, kNoFlags, 1, piece); });
    ASSERT_TRUE(attack.closed.has_value());
    EXPECT_FALSE(attack.closed->ok());
    EXPECT_EQ(attack.calls, 0u);
    EXPECT_LT(attack.memory(), kMaxMemory);
    attack.ExpectHonestPeerUnharmed();
  }
}

TEST(StreamWindowTest, MayNotBeExceeded) {
  Options options;
  options.stream_window = 64 * 1024;
  Attack attack(options);
  attack.withhold = true;
  attack.Run(Preface() + Request(1) + Frame(kData, kNoFlags, 1, Prefix(1 << 20)),
             [] { return Frame(kData, kNoFlags, 1, std::string(16384, 'x')); });
  ASSERT_TRUE(attack.closed.has_value());
  EXPECT_THAT(*attack.closed, StatusIs(absl::StatusCode::kInternal, HasSubstr("FLOW_CONTROL")));
  ASSERT_NE(attack.last_call, nullptr);
  EXPECT_LE(attack.last_call->withheld, options.stream_window);
  attack.ExpectHonestPeerUnharmed();
}

// A sender that waits for half of its window has only half of it on its way.
TEST(LongWindowTest, IsReturnedAnEighthAtATime) {
  Options options;
  options.stream_window = 4 << 20;
  Attack attack(options);
  attack.Send(Preface() + Request(1));
  ASSERT_TRUE(attack.Await([&] {
    attack.ReadAnswers();
    return !attack.answers.empty();
  }));
  std::string bytes = Frame(kSettings, kAck, 0, "");
  for (int i = 0; i < 40; ++i)
    bytes += Frame(kData, kNoFlags, 1, Message(std::string(16'000, 'x')));
  attack.Run(bytes);
  const std::string update = Number(4, 3) + Number(kWindowUpdate, 1) + Number(0, 1) + Number(1, 4);
  EXPECT_TRUE(attack.Await([&] {
    attack.ReadAnswers();
    return attack.answers.find(update) != std::string::npos;
  }));
}

TEST(RefusalTest, IsShortWhateverWasAsked) {
  Attack attack;
  attack.refuse = true;
  const std::string path = "/" + std::string(10'000, '\xff');
  attack.Send(Preface() + Frame(kHeaders, kEndHeaders, 1,
                                Field(":method", "POST") + Field(":scheme", "http") +
                                    Field(":authority", "hub") + Field(":path", path) +
                                    Field("content-type", "application/grpc")));
  ASSERT_TRUE(attack.Await([&] {
    attack.ReadAnswers();
    return attack.answers.size() > 200;  // more than what every client is told first
  }));
  EXPECT_LT(attack.answers.size(), 1000u);
}

TEST(HonestPeerTest, MayPingAndUpdateWindowsAsItReceives) {
  Attack attack;
  attack.Send(Preface() + Request(1));
  ASSERT_TRUE(attack.Await([&] { return attack.last_call != nullptr; }));
  // As grpc-go does: an update of each window and a ping for every frame that arrives.
  const std::string thanks = Frame(kWindowUpdate, kNoFlags, 0, Number(1000, 4)) +
                             Frame(kWindowUpdate, kNoFlags, 1, Number(1000, 4)) +
                             Frame(kPing, kNoFlags, 0, "12345678");
  for (int i = 0; i < 5000; ++i) {
    attack.last_call->Send(std::string(900, 'x'));
    attack.Send(thanks);
    attack.answers.clear();
    ASSERT_TRUE(attack.Await([&] {
      attack.ReadAnswers();
      return attack.answers.find("12345678") != std::string::npos;
    })) << i;
  }
  EXPECT_FALSE(attack.closed.has_value());
}

TEST(UnreadAnswersTest, AreCountedWhileTheyWait) {
  size_t waiting = 0;
  Options options;
  options.waiting = [&](size_t bytes) {
    waiting = bytes;
    return true;
  };
  Attack attack(options);
  constexpr uint32_t kWindow = 1 << 24;
  attack.Send(Preface() + Frame(kSettings, kNoFlags, 0, Number(4, 2) + Number(kWindow, 4)) +
              Frame(kWindowUpdate, kNoFlags, 0, Number(kWindow, 4)) + Request(1));
  ASSERT_TRUE(attack.Await([&] { return attack.last_call != nullptr; }));
  attack.last_call->SendPattern(kWindow / 2);
  ASSERT_TRUE(attack.Await([&] { return waiting > 0; })) << "the socket took it all";
  const size_t before = waiting;
  std::string pings;
  for (int i = 0; i < 500; ++i) pings += Frame(kPing, kNoFlags, 0, "12345678");
  attack.Send(pings);
  EXPECT_TRUE(attack.Await([&] { return waiting >= before + 500 * 100; }));
  const size_t with_pings = waiting;
  std::string requests;
  for (uint32_t i = 0; i < 200; ++i)
    requests += Frame(kHeaders, kEndHeaders | kEndStream, 2 * i + 3, RequestFields("GET"));
  attack.Send(requests);
  EXPECT_TRUE(attack.Await([&] { return waiting >= with_pings + 200 * 300; }));
  EXPECT_LT(waiting, with_pings + 200 * 2000);
  EXPECT_TRUE(attack.Await([&] {
    attack.ReadAnswers();
    return waiting == 0;
  }));
  EXPECT_FALSE(attack.closed.has_value());
}

}  // namespace
}  // namespace hawser::h2
