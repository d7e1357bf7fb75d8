// grpc-go as the other side, over TLS and plain: the implementation that the reference's agents,
// servers and clients use. Needs the peer's binary, hence tagged manual:
//
//   (cd e2e/grpcgo && go build -o <out> .)
//   bazel test --test_env=HAWSER_GRPCGO_PEER=<out> //lib/h2:grpc_go_test
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"
#include "lib/net/dialer.h"
#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_handshake.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::h2 {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using namespace std::chrono_literals;  // NOLINT: for readable durations

constexpr uint64_t kBulkBytes = 64 << 20;  // bulkBytes in e2e/grpcgo

// The Go program as a child process. Its standard input ends with Stop(), its output is read by
// line.
class GoPeer {
 public:
  explicit GoPeer(std::vector<std::string> arguments) {
    const char* const binary = std::getenv("HAWSER_GRPCGO_PEER");
    EXPECT_NE(binary, nullptr) << "HAWSER_GRPCGO_PEER is not set";
    if (binary == nullptr) return;
    arguments.insert(arguments.begin(), binary);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int input[2];
    int output[2];
    EXPECT_EQ(::pipe2(input, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(output, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    EXPECT_EQ(posix_spawn(&pid_, binary, &actions, nullptr, argv.data(), environ), 0) << binary;
    posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    ::close(output[1]);
    input_ = input[1];
    output_ = ::fdopen(output[0], "r");
  }
  ~GoPeer() {
    Stop();
    if (pid_ > 0) Wait();
    if (output_ != nullptr) ::fclose(output_);
  }

  std::string ReadLine() {
    std::string line;
    for (int c; output_ != nullptr && (c = ::fgetc(output_)) != EOF && c != '\n';)
      line.push_back(static_cast<char>(c));
    return line;
  }
  void Stop() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
  }
  // Returns the exit status.
  int Wait() {
    int status = -1;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  FILE* output_ = nullptr;
};

// With TLS or without.
class GrpcGoTest : public ::testing::TestWithParam<bool> {
 protected:
  std::vector<std::string> Arguments(const net::TlsFiles& files,
                                     const std::vector<std::string>& command) const {
    std::vector<std::string> arguments;
    if (GetParam()) {
      arguments = {"-ca", files.ca, "-cert", files.certificate, "-key", files.key};
    }
    arguments.insert(arguments.end(), command.begin(), command.end());
    return arguments;
  }
  bool Await(const std::function<bool()>& condition) { return loop_.Await(condition, 60s); }

  TestLoop loop_;
  testing::TestCertificates certificates_;
};

class GrpcGoClientTest : public GrpcGoTest {
 protected:
  GrpcGoClientTest() {
    auto context = net::TlsContext::Server({.files = certificates_.HubAgentPort()});
    EXPECT_THAT(context, IsOk());
    auto listener = net::Listener::Tcp(*loop_, {asio::ip::address_v4::loopback(), 0});
    EXPECT_THAT(listener, IsOk());
    listener_ = *std::move(listener);
    listener_->Start([this, context = *context](int fd) {
      if (!GetParam()) return Serve(net::MakePlainSocket(*loop_, fd));
      net::TlsAccept(*loop_, fd, context, 10s, [this](auto socket) {
        ASSERT_THAT(socket, IsOk());
        Serve(*std::move(socket));
      });
    });
  }

  void Serve(std::unique_ptr<net::Socket> socket) {
    transports_.push_back(Transport::Server(
        std::move(socket), {},
        [this](const std::string& path, const net::Metadata&) { return Accept(path); },
        [this](const absl::Status& why) { closed_ = why; }));
  }

  std::unique_ptr<net::StreamHandler> Accept(const std::string& path) {
    auto call = std::make_shared<TestCall>();
    TestCall* const raw = call.get();
    if (path == "/test.Cc/Fail") {
      call->on_open = [raw] {
        raw->stream->SendHeaders({});
        raw->stream->Finish(absl::NotFoundError("no agent for \"paris\" \xc3\xa9 100%\n"));
      };
    } else if (path == "/test.Cc/Send") {
      call->on_open = [raw] {
        raw->stream->SendHeaders({});
        raw->SendPattern(kBulkBytes);
        raw->stream->Finish(absl::OkStatus());
      };
    } else if (path == "/test.Cc/Echo" || path == "/test.Cc/Receive" || path == "/test.Cc/Wait") {
      call->check_pattern = path == "/test.Cc/Receive";
      call->on_open = [raw] {
        net::Metadata headers;
        headers.Add("serverID", raw->request.Get("agentid"));
        raw->stream->SendHeaders(headers);
      };
      if (path == "/test.Cc/Echo") call->on_message = [raw] { raw->Send(raw->received.back()); };
      call->on_remote_end = [raw] {
        const bool broken =
            raw->check_pattern && (raw->pattern_broken || raw->pattern_received != kBulkBytes);
        raw->stream->Finish(broken ? absl::DataLossError("wrong bytes") : absl::OkStatus());
      };
    } else {
      return nullptr;
    }
    call_ = call;
    return call->Handler();
  }

  void ExpectScenario(const std::string& name) {
    GoPeer peer(Arguments(certificates_.Agent("paris"), {"client", listener_->address(), name}));
    bool done = false;
    int status = -1;
    std::thread waiter([&] {
      status = peer.Wait();
      (*loop_).Post([&] { done = true; });
    });
    EXPECT_TRUE(Await([&] { return done; }));
    waiter.join();
    EXPECT_EQ(status, 0);
  }

  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Transport>> transports_;
  std::shared_ptr<TestCall> call_;
  std::optional<absl::Status> closed_;
};

TEST_P(GrpcGoClientTest, EchoesVariedMessages) { ExpectScenario("echo"); }
TEST_P(GrpcGoClientTest, SendsBulk) { ExpectScenario("send"); }
TEST_P(GrpcGoClientTest, ReceivesBulk) { ExpectScenario("receive"); }
TEST_P(GrpcGoClientTest, GetsStatusWithText) { ExpectScenario("fail"); }
TEST_P(GrpcGoClientTest, UnknownMethodsAreUnimplemented) { ExpectScenario("unimplemented"); }

TEST_P(GrpcGoClientTest, CancelReachesTheHandler) {
  ExpectScenario("cancel");
  ASSERT_TRUE(Await([&] { return call_->closed.has_value(); }));
  EXPECT_FALSE(call_->closed->ok());
}

TEST_P(GrpcGoClientTest, DeadlineEndsBothSides) {
  ExpectScenario("deadline");
  ASSERT_TRUE(Await([&] { return call_->closed.has_value(); }));
  EXPECT_FALSE(call_->closed->ok());
}

INSTANTIATE_TEST_SUITE_P(Go, GrpcGoClientTest, ::testing::Bool(),
                         [](const auto& i) { return i.param ? "Tls" : "Plain"; });

class GrpcGoServerTest : public GrpcGoTest {
 protected:
  GrpcGoServerTest() : peer_(Arguments(certificates_.HubAgentPort(), {"server"})) {
    const std::string line = peer_.ReadLine();
    const size_t colon = line.rfind(':');
    EXPECT_THAT(line, HasSubstr("listening 127.0.0.1:"));
    if (colon == std::string::npos) return;
    auto context = net::TlsContext::Client({.files = certificates_.Agent("paris")});
    EXPECT_THAT(context, IsOk());
    const auto port = static_cast<uint16_t>(std::stoi(line.substr(colon + 1)));
    auto attempt =
        net::Connect(*loop_, {{asio::ip::address_v4::loopback(), port}}, 10s,
                     [this, context = *context](absl::StatusOr<int> fd) {
                       ASSERT_THAT(fd, IsOk());
                       if (!GetParam()) return Start(net::MakePlainSocket(*loop_, *fd));
                       net::TlsConnect(*loop_, *fd, context, "localhost", 10s, [this](auto socket) {
                         ASSERT_THAT(socket, IsOk());
                         Start(*std::move(socket));
                       });
                     });
    EXPECT_TRUE(Await([&] { return transport_ != nullptr; }));
  }

  void Start(std::unique_ptr<net::Socket> socket) {
    Options options;
    options.keepalive = 35s;  // what the reference tolerates
    transport_ = Transport::Client(std::move(socket), options,
                                   [this](const absl::Status& why) { closed_ = why; });
  }

  std::shared_ptr<TestCall> Open(const std::string& path) {
    auto call = std::make_shared<TestCall>();
    net::Metadata headers;
    headers.Add("agentid", "paris");
    loop_.Do([&] {
      EXPECT_THAT(transport_->OpenStream(path, "localhost", headers, call->Handler()), IsOk());
    });
    return call;
  }

  GoPeer peer_;
  std::unique_ptr<Transport> transport_;
  std::optional<absl::Status> closed_;
};

TEST_P(GrpcGoServerTest, EchoesVariedMessages) {
  auto call = Open("/test.Go/Echo");
  std::vector<std::string> sent;
  size_t total = 0;
  for (size_t size = 1; total < 1 << 20; size = (size * 7 + 13) % 4000) {
    sent.emplace_back(size, static_cast<char>(size));
    total += size;
  }
  loop_.Do([&] {
    for (const std::string& message : sent) call->Send(message);
    call->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, IsOk());
  EXPECT_EQ(call->response->Get("serverid"), "paris");
  EXPECT_TRUE(call->received == sent);
}

TEST_P(GrpcGoServerTest, SendsBulk) {
  auto call = Open("/test.Go/Send");
  call->check_pattern = true;
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, IsOk());
  EXPECT_EQ(call->pattern_received, kBulkBytes);
  EXPECT_FALSE(call->pattern_broken);
}

TEST_P(GrpcGoServerTest, ReceivesBulk) {
  auto call = Open("/test.Go/Receive");
  loop_.Do([&] {
    call->SendPattern(kBulkBytes);
    call->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, IsOk());
}

TEST_P(GrpcGoServerTest, StatusTextArrives) {
  auto call = Open("/test.Go/Fail");
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_EQ(*call->closed, absl::NotFoundError("no agent for \"paris\" \xc3\xa9 100%\n"));
}

TEST_P(GrpcGoServerTest, ResetCancelsTheCall) {
  auto call = Open("/test.Go/Wait");
  ASSERT_TRUE(Await([&] { return call->response.has_value(); }));
  loop_.Do([&] { call->stream->Reset(); });
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_EQ(peer_.ReadLine(), "cancelled");
}

TEST_P(GrpcGoServerTest, GracefulStopLetsCallsEnd) {
  auto call = Open("/test.Go/Echo");
  ASSERT_TRUE(Await([&] { return call->response.has_value(); }));
  peer_.Stop();
  ASSERT_TRUE(Await([&] { return transport_->streams_available() == 0; }));
  EXPECT_FALSE(closed_.has_value());
  loop_.Do([&] {
    call->Send("still works");
    call->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(Await([&] { return call->closed && closed_; }));
  EXPECT_THAT(*call->closed, IsOk());
  EXPECT_EQ(call->received.size(), 1u);
  EXPECT_THAT(*closed_, StatusIs(absl::StatusCode::kUnavailable));
}

INSTANTIATE_TEST_SUITE_P(Go, GrpcGoServerTest, ::testing::Bool(),
                         [](const auto& i) { return i.param ? "Tls" : "Plain"; });

}  // namespace
}  // namespace hawser::h2
