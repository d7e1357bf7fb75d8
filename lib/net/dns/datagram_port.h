// A UDP socket to one name server, shared by some questions. Each port is a random one of the
// system's, so that who wants to forge answers has to guess it anew all the time.
//
// Threads: the loop's.
#pragma once

#include <asio/ip/udp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/event_loop.h"

namespace hawser::net::dns {

class DatagramPort {
 public:
  // Who waits for answers.
  class Listener {
   public:
    // Bytes with the id that it waits for, from the server's address. May destroy the port.
    virtual void OnDatagram(const DatagramPort& port, const std::string& bytes) = 0;
    // Nobody listens at the server's port, or the like. The listener is off the port.
    virtual void OnPortBroken(const DatagramPort& port, const absl::Status& status) = 0;

   protected:
    ~Listener() = default;
  };
  // Called once, when it brings no answers any more; destroys it.
  using Broken = absl::AnyInvocable<void(const absl::Status&)>;

  // Errors: what socket() and connect() say, kResourceExhausted without descriptors.
  static absl::StatusOr<std::unique_ptr<DatagramPort>> Open(EventLoop& loop,
                                                            const asio::ip::udp::endpoint& server);
  DatagramPort(const DatagramPort&) = delete;
  DatagramPort& operator=(const DatagramPort&) = delete;

  void set_broken(Broken broken) { broken_ = std::move(broken); }

  const asio::ip::udp::endpoint& server() const { return server_; }
  // It has had as many listeners as one port should have.
  bool used_up() const { return listeners_so_far_ >= kListeners; }
  bool idle() const { return listeners_.empty(); }

  // The id with which answers reach `listener`: one that strangers cannot guess.
  uint16_t Add(Listener& listener);
  void Remove(uint16_t id) { listeners_.erase(id); }
  // An error when this machine does not let it out. One for which there is no room now is lost, as
  // others are on their way.
  absl::Status Send(const std::string& query);

  // Takes everybody off and tells them.
  void Break(const absl::Status& status);

 private:
  static constexpr size_t kListeners = 64;

  DatagramPort(EventLoop& loop, int fd, const asio::ip::udp::endpoint& server);
  void Receive();

  DescriptorWatch watch_;
  const asio::ip::udp::endpoint server_;
  Broken broken_;
  std::unordered_map<uint16_t, Listener*> listeners_;
  size_t listeners_so_far_ = 0;
};

}  // namespace hawser::net::dns
