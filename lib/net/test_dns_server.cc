#include "lib/net/test_dns_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace hawser::net {
namespace {

constexpr size_t kHeader = 12;  // bytes

// RFC 1035, 4.1.2.
struct Question {
  std::string name;
  int type = 0;
  size_t end = 0;  // of the question in the query
};

Question QuestionIn(const std::string& query) {
  Question question;
  size_t at = kHeader;
  for (size_t length; (length = static_cast<uint8_t>(query[at])) > 0; at += length + 1)
    question.name += (question.name.empty() ? "" : ".") + query.substr(at + 1, length);
  question.type = query[at + 2];
  question.end = at + 5;
  return question;
}

std::string Number(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

template <typename Address>
std::string Octets(const Address& address) {
  const auto bytes = address.to_bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

// A client's connection.
struct TestDnsServer::Stream {
  DescriptorWatch watch;
  std::string received;
};

TestDnsServer::TestDnsServer(EventLoop& loop) : loop_(loop) {
  // A port that is free for both.
  listener_ = *Listener::Tcp(loop, {asio::ip::address_v4::loopback(), 0});
  listener_->Start([this](int fd) {
    ++streams_;
    open_streams_.emplace_back(new Stream{DescriptorWatch(loop_, fd), ""});
    ReadStream(*open_streams_.back());
  });
  endpoint_ = {asio::ip::address_v4::loopback(), listener_->port()};
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::bind(fd, endpoint_.data(), static_cast<socklen_t>(endpoint_.size())), 0);
  watch_ = std::make_unique<DescriptorWatch>(loop, fd);
  Receive();
}

TestDnsServer::~TestDnsServer() = default;

void TestDnsServer::Add(const std::string& name, const std::string& address) {
  records_[name].push_back(asio::ip::make_address(address));
}

void TestDnsServer::Close() {
  watch_.reset();
  CloseStreams();
}

void TestDnsServer::Receive() {
  watch_->WaitReadable([this] {
    char packet[512];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* const peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t count = ::recvfrom(watch_->fd(), packet, sizeof packet, 0, peer, &size);
    ASSERT_GT(count, static_cast<ssize_t>(kHeader));
    ports_.insert(ntohs(from.sin_port));
    const std::string query(packet, static_cast<size_t>(count));
    const std::string reply = Reply(query, datagram_records_);
    if (!IsSilent(query)) ::sendto(watch_->fd(), reply.data(), reply.size(), 0, peer, size);
    Receive();
  });
}

void TestDnsServer::ReadStream(Stream& stream) {
  stream.watch.WaitReadable([this, &stream] {
    char bytes[512];
    const ssize_t count = ::recv(stream.watch.fd(), bytes, sizeof bytes, 0);
    if (count <= 0) {
      stream.watch.Close();
      return;
    }
    stream.received.append(bytes, static_cast<size_t>(count));
    const size_t size = stream.received.size() < 2
                            ? 0
                            : static_cast<uint8_t>(stream.received[0]) * 256u +
                                  static_cast<uint8_t>(stream.received[1]);
    if (size > 0 && stream.received.size() == size + 2) {
      const std::string reply = Reply(stream.received.substr(2), SIZE_MAX);
      const std::string framed = Number(reply.size(), 2) + reply;
      EXPECT_EQ(::send(stream.watch.fd(), framed.data(), framed.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(framed.size()));
    }
    ReadStream(stream);
  });
}

bool TestDnsServer::IsSilent(const std::string& query) const {
  const Question question = QuestionIn(query);
  return silent_ || silences_.contains({question.name, 0}) ||
         silences_.contains({question.name, question.type});
}

std::string TestDnsServer::Reply(const std::string& query, size_t max_records) {
  const Question question = QuestionIn(query);
  questions_.push_back(question.name);
  std::string answers;
  size_t count = 0;
  bool truncated = false;
  const auto records = records_.find(question.name);
  const auto failure = failures_.find(question.name);
  if (records != records_.end() && failure == failures_.end()) {
    for (const asio::ip::address& address : records->second) {
      if (address.is_v4() != (question.type == kTypeA)) continue;
      if ((truncated = count == max_records)) break;
      const std::string data = address.is_v4() ? Octets(address.to_v4()) : Octets(address.to_v6());
      answers += "\xc0\x0c" + Number(static_cast<uint64_t>(question.type), 2) + Number(1, 2) +
                 Number(ttl_, 4) + Number(data.size(), 2) + data;
      ++count;
    }
  }
  int code = records == records_.end() ? failure_ : kNoError;
  if (failure != failures_.end()) code = failure->second;
  // A recursive server's answer to one question.
  const unsigned flags = 0x8180u | (truncated ? 0x0200u : 0) | static_cast<unsigned>(code);
  return query.substr(0, 2) + Number(flags, 2) + Number(1, 2) + Number(count, 2) + Number(0, 4) +
         query.substr(kHeader, question.end - kHeader) + answers;
}

}  // namespace hawser::net
