#include "lib/net/http1_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "lib/net/loop_thread.h"
#include "lib/net/socket.h"
#include "lib/testing/loopback.h"

namespace hawser::net {
namespace {

using ::hawser::testing::LoopbackPeer;
using ::hawser::testing::RunUntil;
using ::hawser::testing::TcpPair;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class Http1ServerTest : public ::testing::Test {
 protected:
  void StartServer(const Http1Server::Options& options = {}) {
    server_ = std::make_unique<Http1Server>(loop_, options);
    server_->Handle("/healthz",
                    [](const std::string&) { return Http1Server::Response{.body = "ok\n"}; });
    server_->Handle("/echo", [](const std::string& query) {
      return Http1Server::Response{202, "application/json", query};
    });
    server_->Handle("/large", [](const std::string&) {
      return Http1Server::Response{.body = std::string(8 << 20, 'x')};
    });
  }

  std::unique_ptr<LoopbackPeer> Connect() {
    const auto [client, server] = TcpPair();
    auto peer = std::make_unique<LoopbackPeer>(MakePlainSocket(loop_, client));
    server_->Serve(server);
    return peer;
  }

  std::string Response(LoopbackPeer& peer) {
    RunUntil(loop_, [&] { return peer.ended(); });
    return peer.received();
  }

  std::string Exchange(const std::string& request) {
    const auto peer = Connect();
    peer->Send(request);
    return Response(*peer);
  }

  void WaitForConnections(size_t count) {
    RunUntil(loop_, [&] { return server_->connections() == count; });
  }

  EventLoop loop_;
  std::unique_ptr<Http1Server> server_;
};

TEST_F(Http1ServerTest, AnswersGet) {
  StartServer();
  EXPECT_EQ(Exchange("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 3\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n"
            "\r\n"
            "ok\n");
  WaitForConnections(0);
}

TEST_F(Http1ServerTest, AnswersHeadWithoutABody) {
  StartServer();
  EXPECT_THAT(Exchange("HEAD /healthz HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 3\r\n"),
                    EndsWith("\r\n\r\n")));
}

TEST_F(Http1ServerTest, HandsTheQueryToTheHandler) {
  StartServer();
  EXPECT_THAT(Exchange("GET /echo?a=1&b=2?3 HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"),
                    EndsWith("\r\n\r\na=1&b=2?3")));
  EXPECT_THAT(Exchange("GET /echo HTTP/1.1\r\n\r\n"), HasSubstr("Content-Length: 0\r\n"));
}

TEST_F(Http1ServerTest, APageOfAnotherLoopHoldsNobodyUp) {
  StartServer();
  LoopThread busy;
  std::promise<void> go;
  server_->HandleOn(busy.loop(), "/metrics", [&](const std::string& query) {
    go.get_future().wait();
    return [this, query] {
      EXPECT_TRUE(loop_.InLoopThread());
      return Http1Server::Response{.body = "metrics " + query};
    };
  });
  busy.Start();
  const auto waiting = Connect();
  waiting->Send("GET /metrics?all HTTP/1.1\r\n\r\n");
  EXPECT_THAT(Exchange("GET /healthz HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_FALSE(waiting->ended());
  go.set_value();
  EXPECT_THAT(Response(*waiting), EndsWith("\r\n\r\nmetrics all"));
}

TEST_F(Http1ServerTest, ALoopLooksOnceForAllWhoWait) {
  StartServer();
  EventLoop other;  // is run by hand
  int looks = 0;
  server_->HandleOn(other, "/metrics", [&](const std::string&) -> Http1Server::Writer {
    const auto until = std::chrono::steady_clock::now() + 1ms;  // a look that takes a while
    while (std::chrono::steady_clock::now() < until) {
    }
    return [picture = ++looks] { return Http1Server::Response{.body = std::to_string(picture)}; };
  });
  const auto run_other = [&] {
    other.io().restart();
    other.io().poll();
  };
  std::vector<std::unique_ptr<LoopbackPeer>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(Connect());
    peers.back()->Send("GET /metrics HTTP/1.1\r\n\r\n");
  }
  // All are answered by two looks: the one that the first asked for, and one for all others.
  const auto ended = [&] {
    return std::all_of(peers.begin(), peers.end(), [](const auto& peer) { return peer->ended(); });
  };
  RunUntil(loop_, [&] {
    run_other();
    return ended();
  });
  EXPECT_LE(looks, 2);
  for (const auto& peer : peers) EXPECT_THAT(peer->received(), HasSubstr("200 OK"));
}

TEST_F(Http1ServerTest, AnAnswerFromAnotherLoopMayComeTooLate) {
  StartServer({.response_deadline = 1ms});
  EventLoop other;  // is run by hand
  server_->HandleOn(other, "/metrics", [](const std::string&) -> Http1Server::Writer {
    return [] { return Http1Server::Response{.body = "late"}; };
  });
  // One whose connection is gone, and one whose server is.
  const auto late = Connect();
  late->Send("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_EQ(Response(*late), "");
  const auto later = Connect();
  later->Send("GET /metrics HTTP/1.1\r\n\r\n");
  RunUntil(loop_, [&] { return later->ended(); });
  server_.reset();
  other.io().poll();
  loop_.io().poll();
}

TEST_F(Http1ServerTest, ReadsAHeadThatComesInPieces) {
  StartServer();
  const auto peer = Connect();
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const char c : request) {
    peer->Send({c});
    loop_.io().poll_one();
  }
  EXPECT_THAT(Response(*peer), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Http1ServerTest, RefusesWhatItDoesNotServe) {
  StartServer();
  EXPECT_THAT(Exchange("GET /nothing HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"), EndsWith("404 Not Found\n")));
  EXPECT_THAT(Exchange("GET /healthz/ HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Exchange("CONNECT a:1 HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Exchange("POST /healthz HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"),
              AllOf(StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"),
                    HasSubstr("\r\nAllow: GET, HEAD\r\n")));
  EXPECT_THAT(Exchange("GET /healthz HTTP/1.1\nHost: a\n\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nA: " + std::string(1 << 20, 'a')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(Http1ServerTest, GivesUpOnASlowHead) {
  StartServer({.head_deadline = 50ms});
  const auto peer = Connect();
  peer->Send("GET /healthz");
  EXPECT_THAT(Response(*peer), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(Http1ServerTest, ForgetsAPeerThatLeaves) {
  StartServer();
  const auto peer = Connect();
  EXPECT_EQ(server_->connections(), 1u);
  peer->Finish();
  WaitForConnections(0);
  EXPECT_EQ(Response(*peer), "");
}

TEST_F(Http1ServerTest, WritesALargeResponseAsThePeerReadsIt) {
  StartServer();
  const auto slow = Connect();
  slow->ReadAtMost(0);
  slow->Send("GET /large HTTP/1.1\r\n\r\n");
  // Others are served meanwhile.
  EXPECT_THAT(Exchange("GET /healthz HTTP/1.1\r\n\r\n"), EndsWith("\r\n\r\nok\n"));
  EXPECT_FALSE(slow->ended());
  slow->ReadAtMost(SIZE_MAX);
  EXPECT_THAT(Response(*slow).size(), ::testing::Gt(8u << 20));
}

TEST_F(Http1ServerTest, GivesUpOnAPeerThatDoesNotRead) {
  StartServer({.response_deadline = 50ms});
  const auto peer = Connect();
  peer->ReadAtMost(0);
  peer->Send("GET /large HTTP/1.1\r\n\r\n");
  EXPECT_EQ(server_->connections(), 1u);
  WaitForConnections(0);
}

TEST_F(Http1ServerTest, SilentConnectionsMakeRoom) {
  StartServer({.max_connections = 2});
  const auto reading = Connect();
  reading->ReadAtMost(0);
  reading->Send("GET /large HTTP/1.1\r\n\r\n");
  EXPECT_THAT(Exchange("GET /healthz HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  WaitForConnections(1);
  const auto silent = Connect();
  const auto probe = Connect();
  EXPECT_EQ(Response(*silent), "");
  probe->Send("GET /healthz HTTP/1.1\r\n\r\n");
  EXPECT_THAT(Response(*probe), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server_->dropped().for_total, 1u);
  EXPECT_FALSE(reading->ended()) << "it has asked";
}

TEST_F(Http1ServerTest, OneAddressLeavesRoomForOthers) {
  StartServer({.max_connections = 64, .max_per_address = 3});
  std::vector<std::unique_ptr<LoopbackPeer>> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(Connect());
  EXPECT_EQ(server_->connections(), 3u);
  EXPECT_EQ(server_->dropped().for_address, 7u);
  EXPECT_EQ(Response(*silent[0]), "") << "the oldest went first";
  EXPECT_FALSE(silent[9]->ended());
}

TEST_F(Http1ServerTest, GivesUpSoonOnAPeerThatHasItsAnswerAndStays) {
  StartServer({.closing_deadline = 50ms});
  const auto peer = Connect();
  peer->Send("GET /healthz HTTP/1.1\r\n\r\n");
  EXPECT_THAT(Response(*peer), StartsWith("HTTP/1.1 200 "));
  WaitForConnections(0);
}

TEST_F(Http1ServerTest, ClosesConnectionsWhenDestroyed) {
  StartServer();
  const auto peer = Connect();
  server_.reset();
  EXPECT_EQ(Response(*peer), "");
}

}  // namespace
}  // namespace hawser::net
