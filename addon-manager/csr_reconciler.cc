#include "addon-manager/csr_reconciler.h"

#include <glog/logging.h>

#include <algorithm>
#include <variant>

#include "absl/strings/escaping.h"
#include "addon-manager/addon_status.h"
#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/kube/api_error.h"
#include "lib/pki/authority.h"
#include "lib/pki/identity.h"
#include "lib/pki/signing_request.h"

namespace hawser::addon_manager {
namespace {

using kube::Object;
using kube::StringAt;

// What is not right may become right: registrations change, clusters are accepted.
constexpr std::chrono::seconds kLookAgain{10};
// Shorter ones would expire before Open Cluster Management's agent renews them.
constexpr std::chrono::seconds kShortestLife = std::chrono::minutes(30);

}  // namespace

absl::StatusOr<kube::Outcome> CsrReconciler::Reconcile(const std::string& key,
                                                       const std::stop_token& stop) {
  const auto request = sources_.signing_requests.Get(key);
  if (request == nullptr) return kube::Outcome::Done();
  NoteSigned(*request);
  const auto cluster = ClusterOfRequest(*request);
  // It comes again when there is a state of the hub.
  if (!cluster || state_.Get() == nullptr) return kube::Outcome::Done();
  const CsrDecision decision = DecideRequest(*request, RegisteredOf(*cluster), options_.names);
  const kube::Call call{.timeout = std::nullopt, .stop = stop};
  switch (decision.action) {
    case CsrDecision::Action::kIgnore: return kube::Outcome::Done();
    case CsrDecision::Action::kPending:
      ++pending_;
      if (const auto admitted = refusals_.Admit(base::Clock::now()))
        LOG(WARNING) << "certificate request " << base::Quote(key)
                     << " is left pending: " << base::Quote(decision.why) << *admitted;
      return kube::Outcome::After(kLookAgain);
    case CsrDecision::Action::kApprove:
      HAWSER_RETURN_IF_ERROR(Approve(*request, call).status());
      return kube::Outcome::Done();
    case CsrDecision::Action::kSign: {
      HAWSER_ASSIGN_OR_RETURN(const Object approved, Approve(*request, call));
      HAWSER_RETURN_IF_ERROR(Sign(approved, *cluster, call));
      return kube::Outcome::Done();
    }
  }
  return kube::Outcome::Done();
}

std::optional<std::vector<Registration>> CsrReconciler::RegisteredOf(
    const std::string& cluster) const {
  const auto addon = sources_.AddonOf(cluster);
  const HubStatePtr hub = state_.Get();
  if (addon == nullptr || hub == nullptr) return std::nullopt;
  // What is registered, as far as it is what we want now: the status is not ours alone to write.
  const auto wanted = RegistrationsOf(cluster, AuthorityHash(hub->agents.active.certificate));
  std::vector<Registration> registered = ParseRegistrations(*addon);
  std::erase_if(registered, [&wanted](const Registration& each) {
    return std::find(wanted.begin(), wanted.end(), each) == wanted.end();
  });
  return registered;
}

absl::StatusOr<Object> CsrReconciler::Approve(const Object& request, const kube::Call& call) {
  if (kube::IsConditionTrue(request, "Approved")) return request;
  Object approved = request;
  approved["status"]["conditions"].push_back(
      {{"type", "Approved"},
       {"status", "True"},
       {"reason", "ClusterProxyAgent"},
       {"message", "requested by an agent of the cluster, as it is registered"}});
  auto answer = client_.Update(kSigningRequests.Sub("approval"), approved, call);
  if (answer.ok()) ++approved_;
  return answer;
}

absl::Status CsrReconciler::Sign(const Object& request, const std::string& cluster,
                                 const kube::Call& call) {
  const HubStatePtr hub = state_.Get();
  if (hub == nullptr) return absl::UnavailableError("there is no configuration");
  std::string pem;
  absl::Base64Unescape(StringAt(request, {"spec", "request"}), &pem);
  HAWSER_ASSIGN_OR_RETURN(const auto parsed, pki::SigningRequest::FromPem(pem));
  HAWSER_ASSIGN_OR_RETURN(const pki::Authority authority, Signer(hub->agents));
  const std::string hash = AuthorityHash(hub->agents.active.certificate);
  const Registration registration = RegistrationsOf(cluster, hash).back();
  const std::chrono::seconds asked(
      kube::IntAt(request, {"spec", "expirationSeconds"}, options_.lifetime.count()));
  const pki::LeafSpec leaf{
      .common_name = registration.user,
      .organizations = registration.groups,
      .organizational_units = registration.organization_units,
      .uri = pki::IdentityUri(pki::ClusterIdentity{options_.trust_domain, cluster, ""}),
      .client = true,
      .validity = std::clamp(asked, std::min(kShortestLife, options_.lifetime), options_.lifetime)};
  HAWSER_ASSIGN_OR_RETURN(const auto certificate, authority.Issue(leaf, parsed.public_key()));
  const Object patch = {{"metadata", {{"resourceVersion", kube::ResourceVersionOf(request)}}},
                        {"status", {{"certificate", absl::Base64Escape(certificate.ToPem())}}}};
  HAWSER_RETURN_IF_ERROR(
      client_.MergePatch(kSigningRequests.Sub("status"), kube::NameOf(request), patch, call)
          .status());
  ++signed_;
  LOG(INFO) << "cluster " << cluster << ": certificate signed, valid until "
            << kube::FormatTime(certificate.not_after());
  leaves_.Record(cluster, {hash, std::chrono::system_clock::now()});
  options_.on_signed(cluster);
  return absl::OkStatus();
}

// What was signed before this process began, or by another one, counts too.
void CsrReconciler::NoteSigned(const Object& request) {
  if (StringAt(request, {"spec", "signerName"}) != kProxyAgentSigner) return;
  std::string pem;
  const std::string encoded = StringAt(request, {"status", "certificate"});
  if (encoded.empty() || !absl::Base64Unescape(encoded, &pem)) return;
  const auto certificate = pki::Certificate::FromPem(pem);
  const HubStatePtr hub = state_.Get();
  if (!certificate.ok() || hub == nullptr) return;
  const auto identity = pki::IdentityOf(certificate->get());
  if (!identity.ok() || !*identity) return;
  const auto* cluster = std::get_if<pki::ClusterIdentity>(&**identity);
  if (cluster == nullptr) return;
  for (const auto* pair :
       {&hub->agents.active, hub->agents.other ? &*hub->agents.other : nullptr}) {
    if (pair == nullptr) continue;
    const auto issuer = pki::Certificate::FromPem(pair->certificate);
    if (!issuer.ok() || !certificate->IsSignedBy(*issuer)) continue;
    const AgentLeaf leaf{AuthorityHash(pair->certificate),
                         certificate->not_before() + pki::kClockSkew};
    if (leaves_.Record(cluster->cluster, leaf)) options_.on_signed(cluster->cluster);
  }
}

}  // namespace hawser::addon_manager
