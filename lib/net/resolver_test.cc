#include "lib/net/resolver.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/net/descriptor_watch.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::RunUntil;
using ::hawser::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

// A DNS server on a UDP port of the loopback interface that answers questions for addresses.
class DnsServer {
 public:
  static constexpr int kNoError = 0, kServerFailure = 2, kNoSuchName = 3;

  explicit DnsServer(EventLoop& loop)
      : watch_(loop, ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(watch_.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(watch_.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    Receive();
  }

  const std::string& address() const { return address_; }
  // Names asked for, without the final dot, once for each question.
  const std::vector<std::string>& questions() const { return questions_; }

  void Add(const std::string& name, const std::string& address) {
    records_[name].push_back(asio::ip::make_address(address));
  }
  // What names without addresses get.
  void set_failure(int code) { failure_ = code; }
  void set_silent(bool silent) { silent_ = silent; }

 private:
  static constexpr uint8_t kTypeA = 1, kTypeAaaa = 28;

  void Receive() {
    watch_.WaitReadable([this] {
      char packet[512];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t count = ::recvfrom(watch_.fd(), packet, sizeof packet, 0,
                                       reinterpret_cast<sockaddr*>(&from), &size);
      ASSERT_GT(count, 12);
      const std::string reply = Reply({packet, static_cast<size_t>(count)});
      if (!silent_) {
        ::sendto(watch_.fd(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from),
                 size);
      }
      Receive();
    });
  }

  // RFC 1035, 4.1: header, question, answers.
  std::string Reply(const std::string& query) {
    std::string name;
    size_t at = 12;
    for (size_t length; (length = static_cast<uint8_t>(query[at])) > 0; at += length + 1)
      name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
    questions_.push_back(name);
    const char type = query[at + 2];
    std::string answers;
    int count = 0;
    for (const asio::ip::address& address : records_[name]) {
      if (address.is_v4() != (type == kTypeA)) continue;
      const std::string data = address.is_v4() ? Octets(address.to_v4()) : Octets(address.to_v6());
      answers += std::string("\xc0\x0c\0", 3) + type + std::string("\0\1\0\0\0\x3c\0", 7) +
                 static_cast<char>(data.size()) + data;
      ++count;
    }
    const int code = records_[name].empty() ? failure_ : kNoError;
    std::string header = query.substr(0, 2) + "\x81" + static_cast<char>(0x80 | code);
    header += std::string("\0\1\0", 3) + static_cast<char>(count) + std::string(4, '\0');
    return header + query.substr(12, at + 5 - 12) + answers;
  }

  template <typename Address>
  static std::string Octets(const Address& address) {
    const auto bytes = address.to_bytes();
    return {bytes.begin(), bytes.end()};
  }

  DescriptorWatch watch_;
  std::string address_;
  std::map<std::string, std::vector<asio::ip::address>> records_;
  std::vector<std::string> questions_;
  int failure_ = kNoSuchName;
  bool silent_ = false;
};

class ResolverTest : public ::testing::Test {
 protected:
  // As on a machine that searches one domain.
  ResolverTest() {
    ::setenv("LOCALDOMAIN", "search.test", 1);
    ::setenv("RES_OPTIONS", "ndots:1", 1);
  }

  absl::StatusOr<std::vector<std::string>> Resolve(const std::string& host,
                                                   base::Duration deadline = 20s) {
    std::optional<absl::StatusOr<std::vector<asio::ip::address>>> result;
    const auto lookup =
        resolver_.Resolve(host, deadline, [&](auto got) { result = std::move(got); });
    EXPECT_FALSE(result.has_value()) << "called back within the call";
    RunUntil(loop_, [&] { return result.has_value(); });
    if (!result->ok()) return result->status();
    std::vector<std::string> texts;
    for (const asio::ip::address& address : **result) texts.push_back(address.to_string());
    return texts;
  }

  EventLoop loop_;
  DnsServer dns_{loop_};
  Resolver resolver_{loop_, {.servers = dns_.address(), .max_lookups = 2}};
};

TEST_F(ResolverTest, AddressesAreTheirOwnAnswer) {
  EXPECT_THAT(*Resolve("10.1.2.3"), ElementsAre("10.1.2.3"));
  EXPECT_THAT(*Resolve("2001:db8::1"), ElementsAre("2001:db8::1"));
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, AsksForBothFamilies) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.Add("web.test", "10.0.0.2");
  dns_.Add("web.test", "2001:db8::1");
  EXPECT_THAT(*Resolve("web.test"), UnorderedElementsAre("10.0.0.1", "10.0.0.2", "2001:db8::1"));
  EXPECT_THAT(dns_.questions(), ElementsAre("web.test", "web.test"));
}

TEST_F(ResolverTest, OneFamilyIsEnough) {
  dns_.Add("six.test", "2001:db8::6");
  EXPECT_THAT(*Resolve("six.test"), ElementsAre("2001:db8::6"));
}

TEST_F(ResolverTest, UsesTheSearchDomains) {
  dns_.Add("web.search.test", "10.0.0.1");
  EXPECT_THAT(*Resolve("web"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, ReadsTheHostsFile) {
  EXPECT_THAT(*Resolve("localhost"), ::testing::Contains("127.0.0.1"));
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, NoSuchHost) {
  EXPECT_THAT(Resolve("nobody.test"),
              StatusIs(absl::StatusCode::kNotFound, "lookup nobody.test: no such host"));
  dns_.set_failure(DnsServer::kNoError);  // the name exists, but has no address
  EXPECT_THAT(Resolve("empty.test"),
              StatusIs(absl::StatusCode::kNotFound, "lookup empty.test: no such host"));
}

TEST_F(ResolverTest, RefusesWhatIsNoName) {
  for (const std::string& host :
       {std::string(), std::string("a b"), std::string("10.0.0.1\0.test", 14), std::string("a\nb"),
        std::string(254, 'a')}) {
    EXPECT_THAT(Resolve(host),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no host name")));
  }
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(ResolverTest, AFailingServerIsUnavailable) {
  dns_.set_failure(DnsServer::kServerFailure);
  EXPECT_THAT(Resolve("web.test"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lookup web.test: ")));
}

TEST_F(ResolverTest, ASilentServerMeetsTheDeadline) {
  dns_.set_silent(true);
  EXPECT_THAT(Resolve("web.test", 100ms),
              StatusIs(absl::StatusCode::kDeadlineExceeded, "lookup web.test: timed out"));
}

TEST_F(ResolverTest, AsksAgainWhenAnAnswerIsLost) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.set_silent(true);
  std::vector<asio::ip::address> addresses;
  const auto lookup = resolver_.Resolve("web.test", 20s, [&](auto got) {
    ASSERT_THAT(got, IsOk());
    addresses = *got;
  });
  RunUntil(loop_, [&] { return dns_.questions().size() == 2; });
  dns_.set_silent(false);
  RunUntil(loop_, [&] { return !addresses.empty(); });
}

TEST_F(ResolverTest, ACancelledLookupDoesNotCallBack) {
  dns_.Add("web.test", "10.0.0.1");
  auto literal = resolver_.Resolve("10.0.0.1", 20s, [](const auto&) { FAIL(); });
  auto running = resolver_.Resolve("web.test", 20s, [](const auto&) { FAIL(); });
  literal.reset();
  running.reset();
  EXPECT_THAT(*Resolve("web.test"), ElementsAre("10.0.0.1"));
}

TEST_F(ResolverTest, TheCallbackMayDestroyTheLookup) {
  std::unique_ptr<Lookup> lookup =
      resolver_.Resolve("nobody.test", 20s, [&](const auto&) { lookup.reset(); });
  RunUntil(loop_, [&] { return lookup == nullptr; });
}

TEST_F(ResolverTest, BoundsWhatRunsAtATime) {
  dns_.Add("web.test", "10.0.0.1");
  dns_.set_silent(true);
  std::vector<std::unique_ptr<Lookup>> stuck;
  for (int i = 0; i < 2; ++i)
    stuck.push_back(resolver_.Resolve("web.test", 20s, [](const auto&) { FAIL(); }));
  EXPECT_THAT(Resolve("web.test", 50ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(Resolve("10.0.0.1"), IsOk());

  auto cancelled = resolver_.Resolve("web.test", 20s, [](const auto&) { FAIL(); });
  bool resolved = false;
  const auto next = resolver_.Resolve("web.test", 20s, [&](const auto& got) {
    EXPECT_THAT(got, IsOk());
    resolved = true;
  });
  cancelled.reset();
  dns_.set_silent(false);
  stuck.clear();
  RunUntil(loop_, [&] { return resolved; });
}

}  // namespace
}  // namespace hawser::net
