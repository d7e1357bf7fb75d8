#include "lib/control/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/mutex.h"
#include "lib/base/status.h"
#include "lib/control/address.h"
#include "lib/control/service.h"

namespace hawser::control {
namespace {

// Threads of gRPC's synchronous server: one per watch, some for calls and the library itself.
constexpr int kMaxThreads = Service::kMaxWatches + 8;
// Requests are tiny.
constexpr int kMaxRequest = 64 * 1024;
constexpr auto kStopDeadline = std::chrono::seconds(2);

// gRPC deletes any socket that stands at the path, a live one included.
absl::Status CheckFree(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode))
    return absl::AlreadyExistsError("listen on unix:" + path + ": it exists and is no socket");
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::ErrnoStatus(errno, "socket");
  const absl::Cleanup close_fd = [fd] { close(fd); };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    return absl::AlreadyExistsError("listen on unix:" + path + ": another process serves it");
  return absl::OkStatus();
}

}  // namespace

Server::Server(StateSource& source, std::string address)
    : source_(source), address_(std::move(address)), service_(std::make_unique<Service>(source)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& address,
                                                      StateSource& source) {
  HAWSER_ASSIGN_OR_RETURN(const Address parsed, ParseAddress(address));
  if (!parsed.path.empty()) HAWSER_RETURN_IF_ERROR(CheckFree(parsed.path));
  // The detector of Debian's build reports gRPC's own locks, and costs time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  std::unique_ptr<Server> server(new Server(source, parsed.target));
  grpc::ServerBuilder builder;
  int port = 0;
  // gRPC would share a port that another process serves.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(parsed.target, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(server->service_.get());
  builder.SetMaxReceiveMessageSize(kMaxRequest);
  builder.SetResourceQuota(grpc::ResourceQuota("control").SetMaxThreads(kMaxThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  // The socket must never be open to others, not even between bind() and a chmod().
  const mode_t mask = umask(0177);
  server->server_ = builder.BuildAndStart();
  umask(mask);
  if (server->server_ == nullptr || port == 0)
    return absl::UnavailableError("listen on " + address + ": the control API cannot be served");
  if (parsed.path.empty())
    server->address_ = parsed.target.substr(0, parsed.target.rfind(':') + 1) + std::to_string(port);
  source.Subscribe([service = server->service_.get()] { service->NotifyChanged(); });
  return server;
}

Server::~Server() {
  if (server_ == nullptr) return;
  source_.Unsubscribe();
  service_->Stop();
  server_->Shutdown(std::chrono::system_clock::now() + kStopDeadline);
  server_->Wait();
}

}  // namespace hawser::control
