// Which certificate signing requests of managed clusters are approved, and which are ours to sign.
// Pure: a request and what is known of its cluster in, a decision out.
//
// Anyone may create a request and label it: nothing in it is believed but who the API server says
// made it, and that must be an agent of the very cluster that it is for. What may become right
// later (the add-on is not there yet, the registration is about to change) is left pending: ten
// requests of a cluster, whatever became of them, stop OCM's agent from renewing.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lib/tunnel/name_rules.h"

namespace hawser::addon_manager {

// One entry of a ManagedClusterAddOn's status.registrations, as we wrote it.
struct Registration {
  std::string signer;
  std::string user;                 // CN
  std::vector<std::string> groups;  // O
  std::vector<std::string> organization_units;
  bool operator==(const Registration&) const = default;
};

// What we register for a cluster: the agent's access to the hub's API (its Lease of health lives on
// the spoke, so it has no rights there), and the certificate of the tunnel. `ca_hash` names the
// authority that signs the latter: changing it makes every spoke ask again.
std::vector<Registration> RegistrationsOf(const std::string& cluster, const std::string& ca_hash);

struct CsrDecision {
  enum class Action {
    kIgnore,   // not about us
    kPending,  // about us, and it may become right
    kApprove,  // approve it; Kubernetes signs
    kSign,     // approve it and sign it ourselves
  };
  Action action = Action::kIgnore;
  std::string cluster;
  std::string why;  // for kPending: one line
};

// The cluster that a request claims to be of, by its labels; the caller fetches what is known of
// it. Nothing when the request is not about this add-on.
std::optional<std::string> ClusterOfRequest(const nlohmann::json& request);

// `registrations`: what the ManagedClusterAddOn of that cluster has in its status; nothing when
// there is no such add-on or the cluster is not accepted. `names`: the hub's, which refuses agents
// of clusters whose names they reserve.
CsrDecision DecideRequest(const nlohmann::json& request,
                          const std::optional<std::vector<Registration>>& registrations,
                          const tunnel::NameRules& names);

}  // namespace hawser::addon_manager
