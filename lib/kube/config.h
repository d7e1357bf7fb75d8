// Where the API server is, how to know it, and who we are to it.
//
//   auto config = LoadConfig(FLAGS_kubeconfig);  // a kubeconfig, or the pod's service account
//   Client client(*std::move(config));
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/kube/credentials.h"
#include "lib/kube/text_source.h"

namespace hawser::kube {

// The address of an API server: "https://10.0.0.1:6443/prefix".
struct ServerUrl {
  bool tls = true;
  std::string host;  // IPv6 without brackets
  uint16_t port = 0;
  std::string prefix;  // "" or "/..." without a slash at its end

  bool operator==(const ServerUrl&) const = default;
};

// Plain http is accepted for loopback addresses only: tokens travel in the clear with it.
absl::StatusOr<ServerUrl> ParseServerUrl(const std::string& url);

struct Config {
  ServerUrl server;
  // The name that the server's certificate must carry; the host when empty.
  std::string server_name;
  // Who may have signed it; the system's authorities when null.
  std::shared_ptr<TextSource> authorities;
  std::shared_ptr<Credentials> credentials;  // not null
  // Of the context or the pod; "default" when nothing says more.
  std::string ns = "default";
};

// In a pod: KUBERNETES_SERVICE_HOST and _PORT, and the service account's files in `folder`.
// kFailedPrecondition outside of a pod.
inline constexpr char kServiceAccountFolder[] = "/var/run/secrets/kubernetes.io/serviceaccount";
absl::StatusOr<Config> InClusterConfig(const std::string& folder = kServiceAccountFolder);

// From a kubeconfig file; its current context when `context` is empty.
absl::StatusOr<Config> LoadKubeconfig(const std::string& path, const std::string& context = "");

// The kubeconfig at `path`, or the in-cluster configuration when it is empty.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace hawser::kube
