// A DNS server for tests, on a UDP port of the loopback interface: answers questions for addresses.
//
//   TestDnsServer dns(loop);
//   dns.Add("hub.test", "127.0.0.2");
//   Resolver resolver(loop, {.servers = dns.address()});
//
// Threads: the test's, which is the loop's.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/ip/address.hpp>
#include <map>
#include <string>
#include <vector>

#include "lib/net/descriptor_watch.h"
#include "lib/net/event_loop.h"

namespace hawser::net {

class TestDnsServer {
 public:
  static constexpr int kNoError = 0, kServerFailure = 2, kNoSuchName = 3;

  explicit TestDnsServer(EventLoop& loop)
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

}  // namespace hawser::net
