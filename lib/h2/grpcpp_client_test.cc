// A libgrpc++ client against our server: an independent implementation of gRPC.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"
#include "lib/net/listener.h"
#include "lib/net/socket.h"
#include "lib/testing/status_matchers.h"
#include "proto/konnectivity.grpc.pb.h"

namespace hawser::h2 {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using namespace std::chrono_literals;  // NOLINT: for readable durations

std::string Serialized(const std::string& data) {
  Packet packet;
  packet.set_type(DATA);
  packet.mutable_data()->set_data(data);
  return packet.SerializeAsString();
}

// Varied text of `size` bytes.
std::string Varied(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(TestCall::PatternByte(i + size));
  return text;
}

class GrpcppClientTest : public ::testing::Test {
 protected:
  using Stream = grpc::ClientReaderWriter<Packet, Packet>;

  GrpcppClientTest() {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    auto listener = net::Listener::Tcp(*loop_, {asio::ip::address_v4::loopback(), 0});
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    listener_->Start([this](int fd) {
      transports_.push_back(Transport::Server(
          net::MakePlainSocket(*loop_, fd), {},
          [this](const std::string& path,
                 const net::Metadata&) -> std::unique_ptr<net::StreamHandler> {
            if (path != "/ProxyService/Proxy") return nullptr;
            calls_.push_back(std::make_shared<TestCall>());
            prepare_(*calls_.back());
            return calls_.back()->Handler();
          },
          [this](const absl::Status& why) { closed_.push_back(why); }));
    });
    channel_ = grpc::CreateChannel(listener_->address(), grpc::InsecureChannelCredentials());
  }

  // Runs the client's side, which may block, on a thread, and the loop here until it is done.
  void RunClient(const std::function<void()>& client) {
    bool done = false;
    std::thread thread([&] {
      client();
      (*loop_).Post([&] { done = true; });
    });
    EXPECT_TRUE(loop_.Await([&] { return done; }, 60s));
    thread.join();
  }

  static void Echo(TestCall& call) {
    call.on_open = [&call] {
      net::Metadata headers;
      headers.Add("serverid", call.request.Get("agentid"));
      call.stream->SendHeaders(headers);
    };
    call.on_message = [&call] { call.Send(call.received.back()); };
    call.on_remote_end = [&call] { call.stream->Finish(absl::OkStatus()); };
  }

  TestLoop loop_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Transport>> transports_;
  std::vector<std::shared_ptr<TestCall>> calls_;
  std::vector<absl::Status> closed_;
  std::function<void(TestCall&)> prepare_ = Echo;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(GrpcppClientTest, EchoesAMegabyteOfVariedMessages) {
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    context.AddMetadata("agentid", "paris");
    auto stream = stub->Proxy(&context);
    size_t total = 0;
    for (size_t size = 0; total < 1 << 20; size = (size * 7 + 13) % 4000) {
      Packet packet;
      ASSERT_TRUE(packet.ParseFromString(Serialized(Varied(size))));
      ASSERT_TRUE(stream->Write(packet));
      ASSERT_TRUE(stream->Read(&packet));
      ASSERT_EQ(packet.data().data(), Varied(size));
      total += size;
    }
    ASSERT_TRUE(stream->WritesDone());
    Packet packet;
    EXPECT_FALSE(stream->Read(&packet));
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_EQ(context.GetServerInitialMetadata().find("serverid")->second, "paris");
  });
}

TEST_F(GrpcppClientTest, SendsLargeMessagesOfWhichPiecesArrive) {
  prepare_ = [](TestCall& call) {
    call.on_open = [&call] { call.stream->SendHeaders({}); };
    call.on_message = [&call] {
      call.Send(Serialized(std::to_string(call.received.back().size())));
    };
    call.on_remote_end = [&call] { call.stream->Finish(absl::OkStatus()); };
  };
  Packet large;
  large.mutable_data()->set_data(Varied(3 << 20));
  const std::string message = large.SerializeAsString();
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    auto stream = stub->Proxy(&context);
    ASSERT_TRUE(stream->Write(large));
    Packet packet;
    ASSERT_TRUE(stream->Read(&packet));
    EXPECT_EQ(packet.data().data(), std::to_string(message.size()));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  });
  EXPECT_TRUE(calls_.back()->received.back() == message);
}

TEST_F(GrpcppClientTest, ReceivesBulkAcrossManyWindows) {
  constexpr size_t kMessages = 50'000;
  const std::string message = Serialized(Varied(1000));
  prepare_ = [&](TestCall& call) {
    call.on_open = [&call, &message] {
      call.stream->SendHeaders({});
      for (size_t i = 0; i < kMessages; ++i) call.Send(message);
      call.stream->Finish(absl::OkStatus());
    };
  };
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    auto stream = stub->Proxy(&context);
    Packet packet;
    size_t count = 0;
    while (stream->Read(&packet)) {
      ASSERT_EQ(packet.data().data().size(), 1000u);
      ++count;
    }
    EXPECT_EQ(count, kMessages);
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
  });
  EXPECT_TRUE(closed_.empty()) << closed_.front();
}

TEST_F(GrpcppClientTest, GetsStatusWithText) {
  prepare_ = [](TestCall& call) {
    call.on_open = [&call] {
      call.stream->SendHeaders({});
      call.stream->Finish(absl::NotFoundError("no agent for \"paris\" \xc3\xa9 100%"));
    };
  };
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    const grpc::Status status = stub->Proxy(&context)->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "no agent for \"paris\" \xc3\xa9 100%");
  });
}

TEST_F(GrpcppClientTest, GetsStatusInTrailersOnly) {
  prepare_ = [](TestCall& call) {
    call.on_open = [&call] { call.stream->Finish(absl::UnauthenticatedError("who are you")); };
  };
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    const grpc::Status status = stub->Proxy(&context)->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(status.error_message(), "who are you");
  });
}

TEST_F(GrpcppClientTest, UnknownMethodsAreUnimplemented) {
  RunClient([&] {
    auto stub = AgentService::NewStub(channel_);
    grpc::ClientContext context;
    EXPECT_EQ(stub->Connect(&context)->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  });
}

TEST_F(GrpcppClientTest, CompressedMessagesEndTheConnection) {
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    auto stream = stub->Proxy(&context);
    Packet packet;
    packet.mutable_data()->set_data(std::string(10'000, 'x'));
    stream->Write(packet);
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  });
}

TEST_F(GrpcppClientTest, CancelReachesTheHandler) {
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    auto stream = stub->Proxy(&context);
    stream->WaitForInitialMetadata();
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  });
  ASSERT_TRUE(loop_.Await([&] { return calls_.back()->closed.has_value(); }));
  EXPECT_THAT(*calls_.back()->closed, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(GrpcppClientTest, DeadlineEndsBothSides) {
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 200ms);
    auto stream = stub->Proxy(&context);
    Packet packet;
    EXPECT_FALSE(stream->Read(&packet));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  });
  ASSERT_TRUE(loop_.Await([&] { return calls_.back()->closed.has_value(); }));
  EXPECT_FALSE(calls_.back()->closed->ok());
}

TEST_F(GrpcppClientTest, ManyCallsAtOnce) {
  RunClient([&] {
    auto stub = ProxyService::NewStub(channel_);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&stub, i] {
        for (int round = 0; round < 50; ++round) {
          grpc::ClientContext context;
          auto stream = stub->Proxy(&context);
          Packet packet;
          packet.mutable_dialrequest()->set_random(i * 1000 + round);
          ASSERT_TRUE(stream->Write(packet));
          ASSERT_TRUE(stream->Read(&packet));
          ASSERT_EQ(packet.dialrequest().random(), i * 1000 + round);
          stream->WritesDone();
          ASSERT_TRUE(stream->Finish().ok());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(calls_.size(), 400u);
  ASSERT_TRUE(loop_.Await([&] { return transports_.front()->stream_count() == 0; }));
}

TEST_F(GrpcppClientTest, GoAwayMakesTheChannelReconnect) {
  const auto call_once = [&] {
    auto stub = ProxyService::NewStub(channel_);
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    auto stream = stub->Proxy(&context);
    Packet packet;
    packet.set_type(DIAL_RSP);
    ASSERT_TRUE(stream->Write(packet));
    ASSERT_TRUE(stream->Read(&packet));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  };
  RunClient(call_once);
  loop_.Do([&] { transports_.front()->GoAway(); });
  ASSERT_TRUE(loop_.Await([&] { return closed_.size() == 1; }));
  EXPECT_TRUE(closed_.front().ok()) << closed_.front();
  RunClient([&] {
    channel_->WaitForStateChange(GRPC_CHANNEL_READY, std::chrono::system_clock::now() + 10s);
    call_once();
  });
  EXPECT_EQ(transports_.size(), 2u);
}

}  // namespace
}  // namespace hawser::h2
