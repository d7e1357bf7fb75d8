// The control API of a hub process (proto/control.proto) with gRPC's health service and reflection.
//
//   HAWSER_ASSIGN_OR_RETURN(auto control, control::Server::Start("unix:/run/hawser.sock", source));
//   ...
//   control.reset();   // before what `source` needs to answer goes away
//
// Threads: its own, a few. Start and destruction on any one thread, which may not be one that
// `source` waits for.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/control/state_source.h"

namespace grpc {
class Server;
}

namespace hawser::control {

class Service;

class Server {
 public:
  // `address`: "unix:/path" (the socket gets mode 0600; a dead one is replaced, a live one refused
  // with kAlreadyExists) or a loopback "127.0.0.1:port", "[::1]:port", port 0 being a free one.
  // Anything else is kInvalidArgument. `source` outlives the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& address,
                                                       StateSource& source);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Ends watches, then waits for calls in flight.
  ~Server();

  // What clients dial, with the chosen port.
  const std::string& address() const { return address_; }

 private:
  Server(StateSource& source, std::string address);

  StateSource& source_;
  std::string address_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace hawser::control
