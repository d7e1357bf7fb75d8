// The hub's servers as pods: which one to reach next, and as whom. Asked for on a thread of its
// own, since the Kubernetes API and what gives credentials may take their time.
//
// Threads: any. What was asked for when this ends gets no answer.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/kube/client.h"
#include "lib/net/tls_context.h"

namespace hawser::spoke {

inline const kube::Resource kPods{.group = "", .version = "v1", .plural = "pods"};

class ReadyPods {
 public:
  struct Choice {
    std::string pod;
    // For one more connection to the API server; `tls` is null where it is spoken to without.
    kube::Credential credential;
    std::shared_ptr<net::TlsContext> tls;
  };
  using Done = absl::AnyInvocable<void(absl::StatusOr<Choice>)>;

  // Pods of namespace `ns` with these labels, "key=value" and so on.
  ReadyPods(kube::Config config, std::string ns, std::string label_selector);
  ReadyPods(const ReadyPods&) = delete;
  ReadyPods& operator=(const ReadyPods&) = delete;
  ~ReadyPods();

  // Any of those that are ready; `done` runs on the thread of this. kUnavailable when there is
  // none, or what the client says.
  void Choose(Done done);

  const kube::Config& config() const { return client_.config(); }

 private:
  void Work(const std::stop_token& stop);
  absl::StatusOr<Choice> ChooseNow(const std::stop_token& stop);
  absl::StatusOr<std::string> ReadyPod(const std::stop_token& stop);

  const std::string ns_;
  const std::string label_selector_;
  kube::Client client_;
  std::mutex mutex_;
  std::condition_variable_any asked_;
  std::deque<Done> waiting_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace hawser::spoke
