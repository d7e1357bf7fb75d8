// The control API as a tool uses it.
//
//   HAWSER_ASSIGN_OR_RETURN(control::Client client,
//   control::Client::Make("unix:/run/hawser.sock")); HAWSER_ASSIGN_OR_RETURN(GetClustersResponse
//   clusters, client.GetClusters());
//
// Errors: kUnavailable when nobody serves the address, kDeadlineExceeded, or what the hub says.
// Threads: any; calls block.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "proto/control.grpc.pb.h"

namespace hawser::control {

class Client {
 public:
  // `address` as in Server::Start(); nothing is connected yet.
  static absl::StatusOr<Client> Make(const std::string& address);

  absl::StatusOr<GetClustersResponse> GetClusters();
  // `cluster` empty: of all clusters.
  absl::StatusOr<GetSessionsResponse> GetSessions(const std::string& cluster);
  // Calls `event` for each event until it returns false (then OK) or the hub ends the watch.
  absl::Status WatchClusters(absl::FunctionRef<bool(const ClusterEvent&)> event);

 private:
  Client(std::string address, std::unique_ptr<Control::Stub> stub);
  absl::Status Translate(const grpc::Status& status) const;

  std::string address_;
  std::unique_ptr<Control::Stub> stub_;
};

}  // namespace hawser::control
