// Our client against a libgrpc++ server: an independent implementation of gRPC.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "lib/h2/test_call.h"
#include "lib/h2/transport.h"
#include "lib/net/dialer.h"
#include "lib/net/socket.h"
#include "lib/testing/status_matchers.h"
#include "proto/konnectivity.grpc.pb.h"

namespace hawser::h2 {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using namespace std::chrono_literals;  // NOLINT: for readable durations

using ServerStream = grpc::ServerReaderWriter<Packet, Packet>;
using Service = std::function<grpc::Status(grpc::ServerContext&, ServerStream&)>;

grpc::Status Echo(grpc::ServerContext& context, ServerStream& stream) {
  const auto agent = context.client_metadata().find("agentid");
  if (agent != context.client_metadata().end()) {
    context.AddInitialMetadata("serverid", std::string(agent->second.data(), agent->second.size()));
  }
  stream.SendInitialMetadata();
  Packet packet;
  while (stream.Read(&packet)) stream.Write(packet);
  return grpc::Status::OK;
}

class ProxyServiceOf final : public ProxyService::Service {
 public:
  explicit ProxyServiceOf(h2::Service service) : service_(std::move(service)) {}
  grpc::Status Proxy(grpc::ServerContext* context, ServerStream* stream) override {
    return service_(*context, *stream);
  }

 private:
  const h2::Service service_;
};

class GrpcppServerTest : public ::testing::Test {
 protected:
  GrpcppServerTest() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }
  ~GrpcppServerTest() override {
    transport_.reset();
    if (server_ != nullptr) server_->Shutdown();
  }

  // Starts the server and connects to it.
  void Start(h2::Service service) {
    service_ = std::make_unique<ProxyServiceOf>(std::move(service));
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    auto attempt = net::Connect(
        *loop_, {{asio::ip::address_v4::loopback(), static_cast<uint16_t>(port)}}, 10s,
        [this](absl::StatusOr<int> fd) {
          ASSERT_THAT(fd, IsOk());
          transport_ = Transport::Client(net::MakePlainSocket(*loop_, *fd), {},
                                         [this](const absl::Status& why) { closed_ = why; });
        });
    ASSERT_TRUE(loop_.Await([&] { return transport_ != nullptr; }));
  }

  std::shared_ptr<TestCall> Open(const std::string& path, const net::Metadata& headers = {}) {
    auto call = std::make_shared<TestCall>();
    loop_.Do([&] {
      EXPECT_THAT(transport_->OpenStream(path, "localhost", headers, call->Handler()), IsOk());
    });
    return call;
  }
  bool Await(const std::function<bool()>& condition) { return loop_.Await(condition); }

  TestLoop loop_;
  std::unique_ptr<ProxyServiceOf> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Transport> transport_;
  std::optional<absl::Status> closed_;
};

TEST_F(GrpcppServerTest, EchoesAMegabyteOfVariedMessages) {
  Start(Echo);
  net::Metadata headers;
  headers.Add("agentid", "paris");
  auto call = Open("/ProxyService/Proxy", headers);
  std::vector<std::string> sent;
  size_t total = 0;
  for (size_t size = 1; total < 1 << 20; size = (size * 7 + 13) % 4000) {
    Packet packet;
    packet.mutable_data()->set_data(std::string(size, static_cast<char>('a' + size % 26)));
    sent.push_back(packet.SerializeAsString());
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

TEST_F(GrpcppServerTest, ReceivesLargeMessages) {
  Start([](grpc::ServerContext&, ServerStream& stream) {
    Packet packet;
    packet.mutable_data()->set_data(std::string(3 << 20, 'x'));
    for (int i = 0; i < 20; ++i) stream.Write(packet);
    return grpc::Status::OK;
  });
  auto call = Open("/ProxyService/Proxy");
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, IsOk());
  ASSERT_EQ(call->received.size(), 20u);
  Packet packet;
  ASSERT_TRUE(packet.ParseFromString(call->received.back()));
  EXPECT_EQ(packet.data().data(), std::string(3 << 20, 'x'));
}

TEST_F(GrpcppServerTest, SendsBulkAcrossManyWindows) {
  std::promise<size_t> received;
  Start([&](grpc::ServerContext&, ServerStream& stream) {
    Packet packet;
    size_t bytes = 0;
    while (stream.Read(&packet)) bytes += packet.data().data().size();
    received.set_value(bytes);
    return grpc::Status::OK;
  });
  auto call = Open("/ProxyService/Proxy");
  Packet packet;
  packet.mutable_data()->set_data(std::string(4000, 'x'));
  loop_.Do([&] {
    for (int i = 0; i < 10'000; ++i) call->Send(packet.SerializeAsString());
    call->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, IsOk());
  EXPECT_EQ(received.get_future().get(), 40'000'000u);
}

TEST_F(GrpcppServerTest, GetsStatusWithText) {
  Start([](grpc::ServerContext&, ServerStream&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not you: \xc3\xa9 100%\n");
  });
  auto call = Open("/ProxyService/Proxy");
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_EQ(*call->closed, absl::PermissionDeniedError("not you: \xc3\xa9 100%\n"));
  EXPECT_EQ(*call->remote_end, *call->closed);
}

TEST_F(GrpcppServerTest, UnknownMethodsAreUnimplemented) {
  Start(Echo);
  auto call = Open("/AgentService/Connect");
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(GrpcppServerTest, ResetCancelsTheCall) {
  std::promise<bool> cancelled;
  Start([&](grpc::ServerContext& context, ServerStream& stream) {
    stream.SendInitialMetadata();
    Packet packet;
    while (stream.Read(&packet)) {
    }
    cancelled.set_value(context.IsCancelled());
    return grpc::Status::OK;
  });
  auto call = Open("/ProxyService/Proxy");
  ASSERT_TRUE(Await([&] { return call->response.has_value(); }));
  loop_.Do([&] { call->stream->Reset(); });
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(cancelled.get_future().get());
}

TEST_F(GrpcppServerTest, DeadlineInTheRequestIsKept) {
  Start([&](grpc::ServerContext& context, ServerStream& stream) {
    const auto left = context.deadline() - std::chrono::system_clock::now();
    EXPECT_GT(left, 50s);
    EXPECT_LT(left, 61s);
    stream.SendInitialMetadata();
    return grpc::Status::OK;
  });
  net::Metadata headers;
  headers.Add("grpc-timeout", "60S");
  auto call = Open("/ProxyService/Proxy", headers);
  ASSERT_TRUE(Await([&] { return call->closed.has_value(); }));
  EXPECT_THAT(*call->closed, IsOk());
}

TEST_F(GrpcppServerTest, ShutdownSaysGoAwayAndLetsCallsEnd) {
  Start(Echo);
  auto call = Open("/ProxyService/Proxy");
  ASSERT_TRUE(Await([&] { return call->response.has_value(); }));
  std::thread shutdown([&] { server_->Shutdown(); });
  ASSERT_TRUE(Await([&] { return transport_->streams_available() == 0; }));
  EXPECT_FALSE(closed_.has_value());
  loop_.Do([&] {
    call->Send(Packet().SerializeAsString());
    call->stream->Finish(absl::OkStatus());
  });
  ASSERT_TRUE(Await([&] { return call->closed && closed_; }));
  shutdown.join();
  EXPECT_THAT(*call->closed, IsOk());
  EXPECT_EQ(call->received.size(), 1u);
  EXPECT_THAT(*closed_, StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace hawser::h2
