// Approves the certificate signing requests of clusters' agents, and signs those that are ours to
// sign, under the rules of csr_rules.h.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "addon-manager/agent_leaves.h"
#include "addon-manager/csr_rules.h"
#include "addon-manager/hub_state.h"
#include "addon-manager/sources.h"
#include "lib/base/log_limit.h"
#include "lib/kube/controller.h"

namespace hawser::addon_manager {

class CsrReconciler final : public kube::Reconciler {
 public:
  struct Options {
    std::string trust_domain;
    tunnel::NameRules names;        // the hub's
    std::chrono::seconds lifetime;  // of certificates, at most
    // A certificate of that cluster was signed, by us or before us; runs on the worker's thread.
    std::function<void(const std::string& cluster)> on_signed;
  };
  struct Counts {
    uint64_t approved = 0;
    uint64_t signed_ = 0;
    uint64_t pending = 0;  // looks at requests that are not right, or not yet
  };

  // All outlive it.
  CsrReconciler(kube::Client& client, const Sources& sources, const HubStateCell& state,
                AgentLeaves& leaves, Options options)
      : client_(client),
        sources_(sources),
        state_(state),
        leaves_(leaves),
        options_(std::move(options)) {}

  // `key`: the request's name.
  absl::StatusOr<kube::Outcome> Reconcile(const std::string& key,
                                          const std::stop_token& stop) override;
  // Threads: any.
  Counts counts() const { return {approved_, signed_, pending_}; }

 private:
  std::optional<std::vector<Registration>> RegisteredOf(const std::string& cluster) const;
  absl::StatusOr<kube::Object> Approve(const kube::Object& request, const kube::Call& call);
  absl::Status Sign(const kube::Object& request, const std::string& cluster,
                    const kube::Call& call);
  void NoteSigned(const kube::Object& request);

  kube::Client& client_;
  const Sources& sources_;
  const HubStateCell& state_;
  AgentLeaves& leaves_;
  const Options options_;
  base::LogLimit refusals_;
  std::atomic<uint64_t> approved_ = 0;
  std::atomic<uint64_t> signed_ = 0;
  std::atomic<uint64_t> pending_ = 0;
};

}  // namespace hawser::addon_manager
