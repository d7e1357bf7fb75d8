// A DNS server for tests, on a port of the loopback interface, over UDP and TCP: answers questions
// for addresses as it is told to.
//
//   TestDnsServer dns(loop);
//   dns.Add("hub.test", "127.0.0.2");
//   Resolver resolver(loop, {.servers = {dns.endpoint()}});
//
// Threads: the test's, which is the loop's.
#pragma once

#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/net/descriptor_watch.h"
#include "lib/net/event_loop.h"
#include "lib/net/listener.h"

namespace hawser::net {

class TestDnsServer {
 public:
  static constexpr int kNoError = 0, kServerFailure = 2, kNoSuchName = 3, kRefused = 5;
  static constexpr int kTypeA = 1, kTypeAaaa = 28;

  explicit TestDnsServer(EventLoop& loop);
  TestDnsServer(const TestDnsServer&) = delete;
  TestDnsServer& operator=(const TestDnsServer&) = delete;
  ~TestDnsServer();

  const asio::ip::udp::endpoint& endpoint() const { return endpoint_; }
  // Names asked for, without the final dot, once for each question.
  const std::vector<std::string>& questions() const { return questions_; }
  // The ports from which they were asked.
  const std::set<uint16_t>& ports() const { return ports_; }
  size_t streams() const { return streams_; }

  void Add(const std::string& name, const std::string& address);
  void Remove(const std::string& name) { records_.erase(name); }
  void set_ttl(uint32_t seconds) { ttl_ = seconds; }
  // What names without addresses get, unless something else is said of them.
  void set_failure(int code) { failure_ = code; }
  void Fail(const std::string& name, int code) { failures_[name] = code; }
  // Says nothing, to anybody or about a name or about a type of it.
  void set_silent(bool silent) { silent_ = silent; }
  void Silence(const std::string& name) { silences_.insert({name, 0}); }
  void Silence(const std::string& name, int type) { silences_.insert({name, type}); }
  // What does not fit is left out over UDP, which holds this many addresses.
  void set_datagram_records(size_t count) { datagram_records_ = count; }
  // Neither UDP nor TCP: the port is closed.
  void Close();
  void CloseStreams() { listener_.reset(); }

 private:
  struct Stream;

  void Receive();
  void ReadStream(Stream& stream);
  bool IsSilent(const std::string& query) const;
  std::string Reply(const std::string& query, size_t max_records);

  EventLoop& loop_;
  std::unique_ptr<DescriptorWatch> watch_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Stream>> open_streams_;
  asio::ip::udp::endpoint endpoint_;
  std::map<std::string, std::vector<asio::ip::address>> records_;
  std::map<std::string, int> failures_;
  std::set<std::pair<std::string, int>> silences_;
  std::vector<std::string> questions_;
  std::set<uint16_t> ports_;
  size_t streams_ = 0;
  uint32_t ttl_ = 60;
  size_t datagram_records_ = 20;
  int failure_ = kNoSuchName;
  bool silent_ = false;
};

}  // namespace hawser::net
