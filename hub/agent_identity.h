// Who an agent is: its certificate's word, its own word, and what the operator granted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/identity.h"
#include "lib/tunnel/identifiers.h"
#include "lib/tunnel/name_rules.h"

namespace hawser::hub {

// --agent-identity.
enum class AgentIdentityMode {
  kAuto,         // the certificate's name when it has one, the announced identifiers otherwise
  kCertificate,  // agents without a name in their certificate are refused
  kAsserted,     // the announced identifiers, as in the reference
};

// What certified agents must be, and may announce.
struct AgentGrants {
  // Of their names; empty: any.
  std::string trust_domain;
  // Whose a name is.
  tunnel::NameRules names;
  // By cluster: identifiers that are not its own.
  std::map<std::string, tunnel::Identifiers> identifiers;
};

struct AgentIdentity {
  std::string cluster;   // from the certificate; empty: asserted
  std::string agent_id;  // printable; empty when the agent gave none
  tunnel::Identifiers identifiers;
  std::vector<std::string> granted_hosts;  // those of its hosts that are not its cluster's own
  std::vector<std::string> ignored;        // announced, but not granted

  // What logs and listings call it: its cluster or, asserted, its first host or "(asserted)".
  std::string name() const;
  // What counters call it: as name(), but one for all asserted agents, who could make up any
  // number.
  std::string label() const { return cluster.empty() ? "(asserted)" : cluster; }
};

struct AgentRefusal {
  const char* reason;  // a metric label: "foreign_name", "reserved_name", ...
  std::string why;     // what the agent and the log are told
};

// Decides about an agent. `certified` is what IdentityOf() made of its certificate; `agent_id` and
// `identifiers` are the metadata of its stream, hostile.
std::variant<AgentIdentity, AgentRefusal> IdentifyAgent(
    AgentIdentityMode mode, const AgentGrants& grants,
    const absl::StatusOr<std::optional<pki::Identity>>& certified, const std::string& agent_id,
    const std::string& identifiers);

}  // namespace hawser::hub
