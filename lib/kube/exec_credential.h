// Credentials that a program prints (client.authentication.k8s.io, as kubeconfigs of clouds name
// one): run when they are needed first, when they expire, and when the API server refuses them.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/scheduler.h"
#include "lib/kube/credentials.h"
#include "lib/kube/object.h"
#include "lib/kube/timestamp.h"

namespace hawser::kube {

struct ExecSpec {
  std::string api_version;  // client.authentication.k8s.io/v1 or /v1beta1
  std::string command;      // with a slash a path, else searched in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to our own
  // What the program is told about the cluster, if it wants to know; null otherwise.
  Object cluster;

  base::Duration timeout = std::chrono::seconds(30);
  size_t max_output = 1024 * 1024;
};

struct ExecOutput {
  Credential credential;
  std::optional<WallTime> expires;
};

// Parses an ExecCredential object. kInvalidArgument names the field, never a value.
absl::StatusOr<ExecOutput> ParseExecCredential(const std::string& text,
                                               const std::string& api_version);
// Runs the program; its standard error is ours. A program that takes too long or prints too much is
// killed together with its children.
absl::StatusOr<ExecOutput> RunExecCredential(const ExecSpec& spec);

class ExecCredentials final : public Credentials {
 public:
  using Now = std::function<WallTime()>;
  explicit ExecCredentials(ExecSpec spec, Now now = std::chrono::system_clock::now)
      : spec_(std::move(spec)), now_(std::move(now)) {}

  // Waits for the program, at most the timeout; several threads share one run.
  absl::StatusOr<Credential> Get() override;
  void OnRefused(const Credential& refused) override;

 private:
  const ExecSpec spec_;
  const Now now_;
  std::mutex mutex_;
  std::optional<ExecOutput> kept_;  // guarded by mutex_
};

}  // namespace hawser::kube
