// What only TLS sockets do. socket_test.cc has what all do.

#include "lib/net/tls_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "lib/net/tls_handshake.h"
#include "lib/net/tls_pair.h"
#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::net {
namespace {

using hawser::testing::IsOk;
using hawser::testing::RunReady;
using hawser::testing::RunUntil;
using hawser::testing::StatusIs;
using hawser::testing::TestCertificates;
using ::testing::HasSubstr;
using Result = Socket::Result;

constexpr size_t kRecord = 16 * 1024;
// Record header, content type and authentication tag of TLS 1.3.
constexpr size_t kRecordOverhead = 5 + 1 + 16;

class TlsSocketTest : public ::testing::Test {
 protected:
  TlsSocketTest() { Connect(); }

  void Connect() {
    TestCertificates certificates;
    TlsPair pair = MakeTlsPair(loop_, *TlsContext::Client({.files = certificates.Agent("paris")}),
                               *TlsContext::Server({.files = certificates.HubAgentPort()}));
    a_ = *std::move(pair.client);
    b_ = *std::move(pair.server);
    uint8_t byte;
    EXPECT_EQ(Read(*a_, {&byte, 1}).kind, Result::kWouldBlock);  // the ticket is out of the way
  }

  // Reads once; first waits, where the last call left nothing, until the kernel has something.
  Result Read(Socket& socket, std::span<uint8_t> space) {
    bool readable = false;
    socket.WaitReadable([&] { readable = true; });
    RunUntil(loop_, [&] { return readable; });
    return socket.Read(space);
  }

  static size_t BytesInKernel(const Socket& socket) {
    int bytes = 0;
    EXPECT_EQ(::ioctl(socket.fd(), FIONREAD, &bytes), 0);
    return static_cast<size_t>(bytes);
  }

  void AwaitBytesInKernel(const Socket& socket, size_t bytes) {
    while (BytesInKernel(socket) < bytes) RunReady(loop_);
  }

  void Write(Socket& socket, std::span<const iovec> pieces, size_t expected) {
    const Result result = socket.Write(pieces);
    EXPECT_EQ(result.kind, Result::kOk);
    EXPECT_EQ(result.bytes, expected);
  }
  void Write(Socket& socket, const std::string& bytes) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    Write(socket, {&piece, 1}, bytes.size());
  }

  EventLoop loop_;
  std::unique_ptr<Socket> a_, b_;
};

TEST_F(TlsSocketTest, FillsRecordsHoweverSmallThePieces) {
  std::string bytes(4 * kRecord, 'x');
  std::vector<iovec> pieces;
  for (size_t at = 0; at < bytes.size(); at += 1000)
    pieces.push_back({bytes.data() + at, std::min<size_t>(1000, bytes.size() - at)});
  Write(*a_, pieces, bytes.size());
  AwaitBytesInKernel(*b_, 4 * (kRecord + kRecordOverhead));
  EXPECT_EQ(BytesInKernel(*b_), 4 * (kRecord + kRecordOverhead));
}

TEST_F(TlsSocketTest, TakesABatchInOneWriteAndOneRead) {
  const std::string bytes(4 * kRecord, 'y');
  Write(*a_, bytes);
  AwaitBytesInKernel(*b_, 4 * (kRecord + kRecordOverhead));
  std::vector<uint8_t> space(256 * 1024);
  const Result result = Read(*b_, space);
  EXPECT_EQ(result.bytes, bytes.size());
}

TEST_F(TlsSocketTest, ReadAheadWakesTheReaderWithoutTheKernel) {
  Write(*a_, std::string(kRecord, 'z'));
  AwaitBytesInKernel(*b_, kRecord + kRecordOverhead);
  std::vector<uint8_t> space(1000);
  size_t received = 0;
  while (received < kRecord) {
    const Result result = Read(*b_, space);
    ASSERT_EQ(result.kind, Result::kOk);
    EXPECT_EQ(BytesInKernel(*b_), 0);
    received += result.bytes;
  }
  EXPECT_EQ(b_->Read(space).kind, Result::kWouldBlock);
  bool readable = false;
  b_->WaitReadable([&] { readable = true; });
  while (loop_.io().poll_one() != 0) {
  }
  EXPECT_FALSE(readable);
}

// What lies in OpenSSL's buffer while nobody reads is memory that no share counts.
TEST_F(TlsSocketTest, ReadsNoMoreAheadThanTheRestOfARecord) {
  Write(*a_, std::string(4 * kRecord, 'z'));
  AwaitBytesInKernel(*b_, 4 * (kRecord + kRecordOverhead));
  std::vector<uint8_t> space(kRecord);
  ASSERT_EQ(Read(*b_, space).bytes, space.size());
  EXPECT_GE(BytesInKernel(*b_), 2 * (kRecord + kRecordOverhead));
}

TEST_F(TlsSocketTest, EndBehindTheLastBytesIsToldByTheNextRead) {
  Write(*a_, "last");
  a_->ShutdownWrite();
  AwaitBytesInKernel(*b_, 4 + kRecordOverhead + 2 + kRecordOverhead);  // 2: an alert
  std::vector<uint8_t> space(1000);
  EXPECT_EQ(Read(*b_, space).bytes, 4);
  EXPECT_EQ(Read(*b_, space).kind, Result::kEnd);
  EXPECT_EQ(Read(*b_, space).kind, Result::kEnd);
}

TEST_F(TlsSocketTest, WhoSendsFinAloneIsGone) {
  Write(*a_, "last");
  ::shutdown(a_->fd(), SHUT_WR);
  AwaitBytesInKernel(*b_, 4 + kRecordOverhead);
  uint8_t space[100];
  EXPECT_EQ(b_->Look(), Socket::Peer::kThere) << "nobody knows yet what comes before the FIN";
  EXPECT_EQ(Read(*b_, space).bytes, 4);
  EXPECT_EQ(Read(*b_, space).kind, Result::kEnd);
  EXPECT_EQ(b_->Look(), Socket::Peer::kGone);
}

// As a client does that is killed while it writes.
TEST_F(TlsSocketTest, AnEndWithinARecordIsAFailure) {
  const std::string header("\x17\x03\x03\x01\x00", 5);  // of 256 bytes
  for (const std::string& part : {header.substr(0, 3), header, header + std::string(100, 'x')}) {
    SCOPED_TRACE(part.size());
    Connect();
    Write(*a_, "before");
    ASSERT_EQ(::send(a_->fd(), part.data(), part.size(), 0), part.size());
    ::shutdown(a_->fd(), SHUT_WR);
    AwaitBytesInKernel(*b_, 6 + kRecordOverhead + part.size());
    uint8_t space[100];
    EXPECT_EQ(Read(*b_, space).bytes, 6) << "what was said before it counts";
    EXPECT_EQ(Read(*b_, space).kind, Result::kError);
    EXPECT_THAT(b_->error(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended within a record")));
  }
}

TEST_F(TlsSocketTest, AProbeTellsWhoHalfClosedFromWhoClosed) {
  uint8_t space[100];
  a_->ShutdownWrite();
  EXPECT_EQ(Read(*b_, space).kind, Result::kEnd);
  b_->Probe();
  AwaitBytesInKernel(*a_, 1);
  EXPECT_EQ(Read(*a_, space).kind, Result::kWouldBlock) << "it says nothing";
  EXPECT_EQ(b_->Look(), Socket::Peer::kThere);
  Write(*b_, "still here");
  EXPECT_EQ(Read(*a_, space).bytes, 10);

  a_->Close();
  b_->Probe();
  RunUntil(loop_, [&] { return b_->Look() == Socket::Peer::kReset; });
}

TEST_F(TlsSocketTest, WhoSaysThatItWillHalfCloseIsThere) {
  a_->ShutdownWrite();
  uint8_t space[100];
  EXPECT_EQ(Read(*b_, space).kind, Result::kEnd);
  EXPECT_EQ(b_->Look(), Socket::Peer::kThere);
  Write(*b_, "still here");
  EXPECT_EQ(Read(*a_, space).bytes, 10);
}

// A client that does with OpenSSL what sockets of ours never do.
class RawClient {
 public:
  explicit RawClient(EventLoop& loop) : loop_(loop) {
    TestCertificates certificates;
    const auto [ours, theirs] = hawser::testing::TcpPair();
    fd_ = ours;
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    const TlsFiles files = certificates.Agent("paris");
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM), 1);
    ssl_ = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(ssl_, fd_);
    SSL_set_connect_state(ssl_);
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const uint8_t*>("\x02h2"), 3);
    bool accepted = false;
    const auto server =
        TlsAccept(loop, theirs, *TlsContext::Server({.files = certificates.HubAgentPort()}),
                  std::chrono::seconds(20), [&](auto socket) {
                    accepted = true;
                    EXPECT_THAT(socket.status(), IsOk());
                    if (socket.ok()) peer = *std::move(socket);
                  });
    int done = 0;
    while (!accepted || (done != 1 && SSL_get_error(ssl_, done) == SSL_ERROR_WANT_READ)) {
      done = SSL_do_handshake(ssl_);
      RunReady(loop);
    }
    EXPECT_EQ(done, 1);
  }
  ~RawClient() {
    SSL_free(ssl_);
    ::close(fd_);
  }
  SSL* ssl() { return ssl_; }
  void Write(const std::string& bytes) {
    EXPECT_EQ(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())), bytes.size());
  }
  // What the peer reads once there is something.
  Result AwaitRead() {
    uint8_t space[1000];
    Result result{Result::kWouldBlock};
    while (result.kind == Result::kWouldBlock) {
      bool readable = false;
      peer->WaitReadable([&] { readable = true; });
      RunUntil(loop_, [&] { return readable; });
      result = peer->Read(space);
    }
    return result;
  }

  std::unique_ptr<Socket> peer;

 private:
  EventLoop& loop_;
  int fd_;
  SSL* ssl_;
};

TEST(TlsMessagesTest, TinyRecordsTakeManyTurns) {
  constexpr size_t kRecords = 2000, kPerRead = 64;
  EventLoop loop;
  RawClient client(loop);
  for (size_t i = 0; i < kRecords; ++i) client.Write("x");
  size_t taken = 0, reads = 0;
  for (; taken < kRecords; ++reads) {
    const Result result = client.AwaitRead();
    ASSERT_EQ(result.kind, Result::kOk);
    ASSERT_LE(result.bytes, kPerRead);
    taken += result.bytes;
  }
  EXPECT_GE(reads, kRecords / kPerRead);
}

TEST(TlsMessagesTest, FewBesideDataAreNothingSpecial) {
  EventLoop loop;
  RawClient client(loop);
  for (int i = 0; i < 20; ++i) {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    client.Write("x");
    EXPECT_EQ(client.AwaitRead().bytes, 1) << i << ": " << client.peer->error();
  }
}

TEST(TlsMessagesTest, ManyEndTheConnectionBeforeTheyTakeLong) {
  EventLoop loop;
  RawClient client(loop);
  for (int i = 0; i < 1000; ++i) {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
    if (SSL_do_handshake(client.ssl()) != 1) break;
  }
  EXPECT_EQ(client.AwaitRead().kind, Result::kError);
  EXPECT_THAT(client.peer->error(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("beside data")));
  EXPECT_EQ(client.peer->Look(), Socket::Peer::kReset);
}

// Whatever still waits for a turn is destroyed with its loop.
TEST(TlsLoopTest, ALoopEndsWithSocketsInItsHandlers) {
  TestCertificates certificates;
  EventLoop loop;
  TlsPair pair = MakeTlsPair(loop, *TlsContext::Client({.files = certificates.Agent("paris")}),
                             *TlsContext::Server({.files = certificates.HubAgentPort()}));
  loop.Post([socket = *std::move(pair.client)] {});
  loop.Post([socket = *std::move(pair.server)] {});
}

TEST_F(TlsSocketTest, GarbageEndsTheConnectionAndThePeerIsTold) {
  const std::string garbage(100, 'g');
  ASSERT_EQ(::send(a_->fd(), garbage.data(), garbage.size(), 0), garbage.size());
  uint8_t space[100];
  EXPECT_EQ(Read(*b_, space).kind, Result::kError);
  EXPECT_THAT(b_->error(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("tls connection with 127.0.0.1")));
  EXPECT_EQ(Read(*a_, space).kind, Result::kError);
  EXPECT_THAT(a_->error(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("refused by the peer: ")));
}

TEST_F(TlsSocketTest, UnsentCiphertextRefusesMoreUntilItIsOut) {
  const int small = 4096;
  ASSERT_EQ(::setsockopt(a_->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  const std::string bytes(256 * 1024, 'u');
  Write(*a_, bytes);
  EXPECT_GT(a_->unwritten(), 100 * 1024u);
  EXPECT_LT(a_->unwritten(), bytes.size() + 64 * 1024) << "what the kernel took is in no block";
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  EXPECT_EQ(a_->Write({&piece, 1}).kind, Result::kWouldBlock);
  // Nobody waits for writability, and yet it goes out.
  std::vector<uint8_t> space(64 * 1024);
  size_t received = 0;
  while (received < bytes.size()) received += Read(*b_, space).bytes;
  EXPECT_TRUE(a_->written());
}

TEST_F(TlsSocketTest, OnlyTheSocketOfManyHasMoreRoomInTheKernel) {
  const auto room = [](const Socket& socket) {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    EXPECT_EQ(::getsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &bytes, &size), 0);
    return bytes;
  };
  const int few = 64 * 1024;
  for (const auto& socket : {a_.get(), b_.get()})
    ASSERT_EQ(::setsockopt(socket->fd(), SOL_SOCKET, SO_SNDBUF, &few, sizeof few), 0);
  const int before = room(*a_);
  a_->ShareAmongMany();
  for (const auto& socket : {a_.get(), b_.get()}) {
    const std::string much(512 * 1024, 'm');
    const iovec piece{const_cast<char*>(much.data()), much.size()};
    while (socket->Write({&piece, 1}).kind == Result::kOk) {
    }
  }
  EXPECT_EQ(room(*a_), 2 * before);
  EXPECT_EQ(room(*b_), before);
}

TEST_F(TlsSocketTest, SendsSmallSegmentsAtOnceAndQueuesLittleInTheKernel) {
  for (const auto& [option, expected] :
       {std::pair(TCP_NODELAY, 1), std::pair(TCP_NOTSENT_LOWAT, 256 * 1024)}) {
    int value = 0;
    socklen_t size = sizeof value;
    ASSERT_EQ(::getsockopt(a_->fd(), IPPROTO_TCP, option, &value, &size), 0);
    EXPECT_EQ(value, expected);
  }
}

}  // namespace
}  // namespace hawser::net
