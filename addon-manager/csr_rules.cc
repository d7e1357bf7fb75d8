#include "addon-manager/csr_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "addon-manager/names.h"
#include "lib/kube/conditions.h"
#include "lib/kube/object.h"
#include "lib/pki/identity.h"
#include "lib/pki/signing_request.h"

namespace hawser::addon_manager {
namespace {

using kube::StringAt;
using nlohmann::json;
using Action = CsrDecision::Action;

std::string Label(const json& request, const char* name) {
  return StringAt(request, {"metadata", "labels", name});
}

// "system:open-cluster-management:<cluster>:<agent>", split at its colons: a prefix would make
// `paris` the owner of `paris:x` too.
bool IsAgentOf(const std::string& user, const std::string& cluster) {
  const std::vector<std::string> parts = absl::StrSplit(user, ':');
  return parts.size() == 4 && parts[0] == "system" && parts[1] == "open-cluster-management" &&
         parts[2] == cluster && !parts[3].empty();
}

bool IsFinished(const json& request) {
  return !StringAt(request, {"status", "certificate"}).empty() ||
         kube::FindCondition(request, "Denied") != nullptr ||
         kube::FindCondition(request, "Failed") != nullptr;
}

// What a client certificate for an agent may be used for, and nothing else.
bool HasClientUsages(const json& request) {
  static const std::set<json> kAllowed = {"digital signature", "key encipherment", "client auth"};
  const json* usages = kube::Find(request, {"spec", "usages"});
  if (usages == nullptr || !usages->is_array()) return false;
  return std::all_of(usages->begin(), usages->end(),
                     [](const json& usage) { return kAllowed.contains(usage); }) &&
         std::find(usages->begin(), usages->end(), "client auth") != usages->end();
}

template <typename Items>
std::set<std::string> AsSet(const Items& items) {
  return {items.begin(), items.end()};
}

// Empty when the subject is exactly what was registered.
std::string Difference(const pki::RequestedSubject& subject, const Registration& registration) {
  if (subject.other_attributes) return "its subject has attributes beside CN, O and OU";
  if (subject.common_name != registration.user) return "its CN is not the registered user";
  if (AsSet(subject.organizations) != AsSet(registration.groups))
    return "its O are not the registered groups";
  if (AsSet(subject.organizational_units) != AsSet(registration.organization_units))
    return "its OU are not the registered ones";
  return "";
}

}  // namespace

std::vector<Registration> RegistrationsOf(const std::string& cluster, const std::string& ca_hash) {
  const std::string group =
      "system:open-cluster-management:cluster:" + cluster + ":addon:" + kAddonName;
  return {{.signer = kKubeClientSigner,
           .user = group + ":agent:" + kAddonName,
           .groups = {group, std::string("system:open-cluster-management:addon:") + kAddonName,
                      "system:authenticated"}},
          {.signer = kProxyAgentSigner,
           .user = "open-cluster-management:cluster-proxy:proxy-agent",
           .groups = {"open-cluster-management:cluster-proxy"},
           .organization_units = {"ca-" + ca_hash}}};
}

std::optional<std::string> ClusterOfRequest(const json& request) {
  const std::string signer = StringAt(request, {"spec", "signerName"});
  if (signer != kKubeClientSigner && signer != kProxyAgentSigner) return std::nullopt;
  if (Label(request, kAddonLabel) != kAddonName) return std::nullopt;
  const std::string cluster = Label(request, kClusterLabel);
  if (!pki::IsClusterName(cluster)) return std::nullopt;
  return cluster;
}

CsrDecision DecideRequest(const json& request,
                          const std::optional<std::vector<Registration>>& registrations,
                          const tunnel::NameRules& names) {
  const auto cluster = ClusterOfRequest(request);
  if (!cluster || IsFinished(request)) return {};
  const auto pending = [&](const std::string& why) {
    return CsrDecision{Action::kPending, *cluster, why};
  };
  const std::string user = StringAt(request, {"spec", "username"});
  if (!IsAgentOf(user, *cluster))
    return pending("no agent of cluster " + *cluster + " requested it, but " + user);
  if (const std::string why = names.WhyReserved(*cluster); !why.empty())
    return pending("no cluster may be called " + *cluster + ": " + why);
  if (!registrations) return pending("the cluster has no such add-on");
  const std::string signer = StringAt(request, {"spec", "signerName"});
  const auto registration =
      std::find_if(registrations->begin(), registrations->end(),
                   [&](const Registration& each) { return each.signer == signer; });
  if (registration == registrations->end()) return pending("nothing is registered for " + signer);
  if (!HasClientUsages(request)) return pending("it asks for other usages");
  std::string pem;
  if (!absl::Base64Unescape(StringAt(request, {"spec", "request"}), &pem))
    return pending("its request is not in Base64");
  const auto parsed = pki::SigningRequest::FromPem(pem);
  if (!parsed.ok()) return pending(std::string(parsed.status().message()));
  if (const std::string why = Difference(parsed->subject(), *registration); !why.empty())
    return pending(why);
  return {signer == kProxyAgentSigner ? Action::kSign : Action::kApprove, *cluster, ""};
}

}  // namespace hawser::addon_manager
