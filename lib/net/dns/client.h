// Asks name servers, one after the other, until one knows.
//
// Threads: the loop's. A client outlives its questions.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "lib/net/dns/datagram_port.h"
#include "lib/net/dns/message.h"
#include "lib/net/dns/resolv_conf.h"
#include "lib/net/event_loop.h"

namespace hawser::net::dns {

// Being asked; destroying it cancels.
class Question {
 public:
  virtual ~Question() = default;
};

class Client {
 public:
  using Done = absl::AnyInvocable<void(Reply)>;

  explicit Client(EventLoop& loop) : loop_(loop) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Asks for the records of `type` of `name` (IsHostName()), in `rounds` rounds through all servers
  // of `conf`. A server that refuses, or that has a fault, is left at once; one that is silent when
  // its time is up, which is longer in later rounds, may still answer while the next one is asked.
  //
  // `done` runs once, in a later turn. Beyond what is said at Reply, its status may be
  // kDeadlineExceeded ("timed out"), or kResourceExhausted when this process has no descriptors.
  [[nodiscard]] std::unique_ptr<Question> Ask(std::shared_ptr<const ResolvConf> conf,
                                              const std::string& name, RecordType type, int rounds,
                                              Done done);

 private:
  class Attempts;
  // A socket is for one type, because some networks lose one of two datagrams that a new socket
  // sends to one server at a time.
  struct Port {
    RecordType type;
    std::unique_ptr<DatagramPort> socket;
  };

  // One to share, if need be beyond its due.
  absl::StatusOr<DatagramPort*> PortTo(const asio::ip::udp::endpoint& server, RecordType type);
  void Leave(DatagramPort& port, uint16_t id);
  void OnBroken(const DatagramPort* port, const absl::Status& status);
  std::list<Port>::iterator Find(const DatagramPort* port);

  EventLoop& loop_;
  std::list<Port> ports_;
  size_t turn_ = 0;  // whose turn it is to be the first server, where they rotate
};

}  // namespace hawser::net::dns
