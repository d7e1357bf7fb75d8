// Brings the hub to where the ManagedProxyConfiguration wants it: authorities and their rotation,
// certificates, objects; and says in the status how far it is. What the spokes need to know of it
// is published in a HubStateCell.
//
// A step of a rotation is taken only after everything of the step before was written.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "addon-manager/authority_store.h"
#include "addon-manager/hub_leaves.h"
#include "addon-manager/hub_state.h"
#include "addon-manager/rotation_facts.h"
#include "addon-manager/sources.h"
#include "lib/kube/conditions.h"
#include "lib/kube/controller.h"

namespace hawser::addon_manager {

class ConfigurationReconciler final : public kube::Reconciler {
 public:
  struct Options {
    std::string ns;                  // of the installation, where all of it is
    std::string signer_secret;       // in it
    bool signer_must_exist = false;  // it is the operator's own, and never made
    std::string trust_domain;
    RotationSettings rotation;
    HubSettings hub;
  };

  // All outlive it.
  ConfigurationReconciler(kube::Client& client, const Sources& sources, HubStateCell& state,
                          Options options);

  // `key`: the configuration's name.
  absl::StatusOr<kube::Outcome> Reconcile(const std::string& key,
                                          const std::stop_token& stop) override;

  // Before a Reconcile() that follows somebody else's: nothing is known of what was written, nor
  // are there figures.
  void Forget();

  // For metrics, as of the last look. Threads: any.
  struct Figures {
    std::map<std::string, CaRotation::Phase> phases;   // by authority
    std::map<std::string, pki::WallTime> expirations;  // by authority, and by Secret
  };
  Figures figures() const;

 private:
  // One look at the configuration.
  struct Pass {
    kube::ObjectPtr object;
    ProxyConfiguration configuration;
    AuthorityStore::Stored stored;
    std::string own_server_authorities;  // PEM: of certificates that are the operator's own
    bool written = false;                // something in this pass
    std::vector<kube::Condition> conditions;
    pki::WallTime next_look;
    kube::Call call;
    pki::WallTime now;

    TrustBundles Bundles() const;
  };

  absl::Status Bring(Pass& pass);
  absl::Status ReplaceExpired(Pass& pass);
  absl::Status EnsureLeaves(Pass& pass);
  absl::Status ApplyObjects(Pass& pass);
  absl::Status RemoveLeftovers(const Pass& pass, const std::vector<kube::Object>& wanted);
  absl::StatusOr<bool> AdvanceRotation(Pass& pass);
  std::vector<std::string> BalancerAddresses(const ProxyConfiguration& configuration) const;
  std::vector<std::string> AgentAddresses(const ProxyConfiguration& configuration) const;
  void Publish(const Pass& pass);
  absl::Status WriteStatus(const Pass& pass);

  kube::Client& client_;
  const Sources& sources_;
  HubStateCell& state_;
  const Options options_;
  AuthorityStore store_;

  // Of the only worker: bundles and signers as they were written, and since when.
  std::string written_;
  pki::WallTime written_at_;

  mutable std::mutex mutex_;
  Figures figures_;  // guarded by mutex_
};

}  // namespace hawser::addon_manager
