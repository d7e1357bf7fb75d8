#include "lib/control/client.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <asio/ip/address.hpp>

#include <chrono>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "lib/base/host_port.h"
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

// As gRPC calls the address of a front end. An IP address is not for its resolver, which starts
// threads and sockets of its own (and at times leaves memory behind); a name needs its scheme, or
// might be taken for one.
std::string FrontEndTarget(const std::string& hub) {
  const auto parsed = base::ParseHostPort(hub);
  asio::error_code failed;
  const auto address = asio::ip::make_address(parsed.ok() ? parsed->host : "", failed);
  if (failed) return "dns:///" + hub;
  return (address.is_v6() ? "ipv6:" : "ipv4:") + hub;
}

// By the end of gRPC's text, which says the system's last error.
bool NobodyListens(const grpc::Status& status) {
  const std::string text = status.error_message();
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         (text.ends_with("No such file or directory") || text.ends_with("Connection refused"));
}

}  // namespace

Client::Client(std::string what, std::string address, const std::string& target,
               const std::shared_ptr<grpc::ChannelCredentials>& credentials)
    : what_(std::move(what)), address_(std::move(address)) {
  // The detector of Debian's build reports gRPC's own locks, and costs time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::ChannelArguments arguments;
  // A proxy of the environment has no business here, as with the tunnels themselves.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxResponse);
  stub_ = Control::NewStub(grpc::CreateCustomChannel(target, credentials, arguments));
}

absl::StatusOr<Client> Client::Make(const std::string& address) {
  HAWSER_ASSIGN_OR_RETURN(const Address parsed, ParseAddress(address));
  return Client("control API", address, parsed.target, grpc::InsecureChannelCredentials());
}

Client Client::ForFrontEnd(const std::string& hub, const std::optional<Tls>& tls) {
  gpr_set_log_function([](gpr_log_func_args*) {});
  if (!tls.has_value()) return Client("hub", hub, hub, grpc::InsecureChannelCredentials());
  return Client("hub", hub, FrontEndTarget(hub),
                grpc::SslCredentials({tls->ca, tls->key, tls->certificate}));
}

absl::Status Client::Translate(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  if (NobodyListens(status))
    return absl::UnavailableError("no hub listens at " + address_ + ": is proxy-server running?");
  // The codes are the same numbers.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      what_ + " at " + address_ + ": " + status.error_message());
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
