// The control API as a tool uses it.
//
//   HAWSER_ASSIGN_OR_RETURN(auto client, control::Client::Make("unix:/run/hawser.sock"));
//   HAWSER_ASSIGN_OR_RETURN(GetClustersResponse clusters, client.GetClusters());
//
// Errors: kUnavailable when nobody serves the address, kDeadlineExceeded, or what the hub says.
// Threads: any; calls block.
#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "proto/control.grpc.pb.h"

namespace hawser::control {

class Client {
 public:
  // `address` as in Server::Start(); nothing is connected yet.
  static absl::StatusOr<Client> Make(const std::string& address);

  // PEM, and good: whoever reads the files knows better what to say of them.
  struct Tls {
    std::string ca;  // of the hub's certificate
    std::string certificate;
    std::string key;
  };
  // The lists as a hub's gRPC front end serves them to its clients, on "host:port", with `tls`, or
  // on "unix:/path", without. From then on gRPC itself writes no log in this process: what it has
  // to say is in the errors.
  static Client ForFrontEnd(const std::string& hub, const std::optional<Tls>& tls);

  absl::StatusOr<GetClustersResponse> GetClusters();
  // `cluster` empty: of all clusters.
  absl::StatusOr<GetSessionsResponse> GetSessions(const std::string& cluster);
  // Not on front ends. Calls `event` for each event until it returns false (then OK) or the hub
  // ends the watch.
  absl::Status WatchClusters(absl::FunctionRef<bool(const ClusterEvent&)> event);

 private:
  // `what` and `address` are for messages: "control API at unix:/x".
  Client(std::string what, std::string address, const std::string& target,
         const std::shared_ptr<grpc::ChannelCredentials>& credentials);
  absl::Status Translate(const grpc::Status& status) const;

  std::string what_;
  std::string address_;
  std::unique_ptr<Control::Stub> stub_;
};

}  // namespace hawser::control
