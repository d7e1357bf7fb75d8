#include "hub/agent_identity.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/status.h"

namespace hawser::hub {
namespace {

using tunnel::Identifiers;

constexpr size_t kMaxAgentId = 128;

bool Contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Moves what is not granted from `announced` to `ignored`.
void KeepGranted(const char* key, std::vector<std::string>& announced,
                 const std::vector<std::string>& granted, std::vector<std::string>& ignored) {
  const auto rest = std::stable_partition(
      announced.begin(), announced.end(),
      [&granted](const std::string& value) { return Contains(granted, value); });
  for (auto value = rest; value != announced.end(); ++value)
    ignored.push_back(std::string(key) + "=" + *value);
  announced.erase(rest, announced.end());
}

// Whose word the name in a certificate is, whether it is taken or not.
const std::string& TrustDomain(const pki::Identity& identity) {
  return std::visit([](const auto& of) -> const std::string& { return of.trust_domain; }, identity);
}

std::variant<AgentIdentity, AgentRefusal> Certified(const AgentGrants& grants,
                                                    const pki::ClusterIdentity& certificate,
                                                    AgentIdentity agent) {
  if (const std::string why = grants.names.WhyReserved(certificate.cluster); !why.empty())
    return AgentRefusal{"reserved_name",
                        "no cluster may be called " + certificate.cluster + ": " + why};
  static const Identifiers kNone;
  const auto found = grants.identifiers.find(certificate.cluster);
  const Identifiers& granted = found == grants.identifiers.end() ? kNone : found->second;
  Identifiers& announced = agent.identifiers;
  for (const std::string& host : announced.hosts) {
    if (grants.names.Owns(certificate.cluster, host)) continue;
    if (Contains(granted.hosts, host)) {
      agent.granted_hosts.push_back(host);
      continue;
    }
    return AgentRefusal{"foreign_name", "its certificate names cluster " + certificate.cluster +
                                            ", but it announced host=" + host};
  }
  KeepGranted("ipv4", announced.ipv4, granted.ipv4, agent.ignored);
  KeepGranted("ipv6", announced.ipv6, granted.ipv6, agent.ignored);
  KeepGranted("cidr", announced.cidrs, granted.cidrs, agent.ignored);
  if (announced.default_route && !granted.default_route) {
    announced.default_route = false;
    agent.ignored.push_back("default-route=true");
  }
  agent.cluster = certificate.cluster;
  if (!certificate.agent.empty()) agent.agent_id = certificate.agent;
  return agent;
}

}  // namespace

std::string AgentIdentity::name() const {
  if (!cluster.empty()) return cluster;
  return identifiers.hosts.empty() ? "(asserted)" : identifiers.hosts.front();
}

std::variant<AgentIdentity, AgentRefusal> IdentifyAgent(
    AgentIdentityMode mode, const AgentGrants& grants,
    const absl::StatusOr<std::optional<pki::Identity>>& certified, const std::string& agent_id,
    const std::string& identifiers) {
  const bool printable =
      std::all_of(agent_id.begin(), agent_id.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (agent_id.size() > kMaxAgentId || !printable)
    return AgentRefusal{"malformed", "its agent id is no printable word of at most 128 characters"};
  const auto announced = tunnel::ParseIdentifiers(identifiers);
  if (!announced.ok()) return AgentRefusal{"malformed", std::string(announced.status().message())};
  if (!grants.trust_domain.empty() && certified.ok() && certified->has_value() &&
      TrustDomain(**certified) != grants.trust_domain)
    return AgentRefusal{"trust_domain", "its certificate is of the trust domain " +
                                            TrustDomain(**certified) + ", not of " +
                                            grants.trust_domain};
  AgentIdentity agent{.agent_id = agent_id, .identifiers = *announced};
  if (mode == AgentIdentityMode::kAsserted) return agent;

  if (!certified.ok())
    return AgentRefusal{"malformed",
                        "its certificate: " + std::string(certified.status().message())};
  if (!certified->has_value()) {
    if (mode == AgentIdentityMode::kAuto) return agent;
    return AgentRefusal{"no_certificate_name", "its certificate names no cluster"};
  }
  const auto* cluster = std::get_if<pki::ClusterIdentity>(&**certified);
  if (cluster == nullptr) return AgentRefusal{"not_an_agent", "its certificate names a client"};
  return Certified(grants, *cluster, std::move(agent));
}

}  // namespace hawser::hub
