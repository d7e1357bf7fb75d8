#include "lib/control/client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "lib/base/status.h"
#include "lib/control/address.h"

namespace hawser::control {
namespace {

constexpr auto kDeadline = std::chrono::seconds(10);
// Bytes; some hundred thousand sessions.
constexpr int kMaxResponse = 64 * 1024 * 1024;

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
}

}  // namespace

Client::Client(std::string address, std::unique_ptr<Control::Stub> stub)
    : address_(std::move(address)), stub_(std::move(stub)) {}

absl::StatusOr<Client> Client::Make(const std::string& address) {
  HAWSER_ASSIGN_OR_RETURN(const Address parsed, ParseAddress(address));
  // The detector of Debian's build reports gRPC's own locks, and costs time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::ChannelArguments arguments;
  // A proxy of the environment has no business between two processes of one machine.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxResponse);
  auto channel =
      grpc::CreateCustomChannel(parsed.target, grpc::InsecureChannelCredentials(), arguments);
  return Client(address, Control::NewStub(channel));
}

absl::Status Client::Translate(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  // The codes are the same numbers.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      "control API at " + address_ + ": " + status.error_message());
}

absl::StatusOr<GetClustersResponse> Client::GetClusters() {
  grpc::ClientContext context;
  SetDeadline(context);
  GetClustersResponse response;
  HAWSER_RETURN_IF_ERROR(Translate(stub_->GetClusters(&context, {}, &response)));
  return response;
}

absl::StatusOr<GetSessionsResponse> Client::GetSessions(const std::string& cluster) {
  grpc::ClientContext context;
  SetDeadline(context);
  GetSessionsRequest request;
  request.set_cluster(cluster);
  GetSessionsResponse response;
  HAWSER_RETURN_IF_ERROR(Translate(stub_->GetSessions(&context, request, &response)));
  return response;
}

absl::Status Client::WatchClusters(absl::FunctionRef<bool(const ClusterEvent&)> event) {
  grpc::ClientContext context;
  const auto reader = stub_->WatchClusters(&context, {});
  ClusterEvent next;
  while (reader->Read(&next)) {
    if (event(next)) continue;
    context.TryCancel();
    reader->Finish();
    return absl::OkStatus();
  }
  return Translate(reader->Finish());
}

}  // namespace hawser::control
