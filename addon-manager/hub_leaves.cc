#include "addon-manager/hub_leaves.h"

#include <glog/logging.h>

#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "addon-manager/secret_data.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

std::string Value(const std::map<std::string, std::string>& data, const std::string& key) {
  const auto found = data.find(key);
  return found == data.end() ? "" : found->second;
}

absl::StatusOr<LeafOutcome> Outcome(const std::string& certificate) {
  HAWSER_ASSIGN_OR_RETURN(const auto parsed, pki::Certificate::FromPem(certificate));
  LeafOutcome outcome;
  outcome.expires = parsed.not_after();
  HAWSER_ASSIGN_OR_RETURN(outcome.renewal, RenewalTime(certificate));
  return outcome;
}

// Of a certificate that is the operator's own.
absl::StatusOr<LeafOutcome> OwnOutcome(const std::map<std::string, std::string>& data) {
  HAWSER_ASSIGN_OR_RETURN(LeafOutcome outcome, Outcome(Value(data, "tls.crt")));
  outcome.renewal = pki::WallTime::max();
  const std::string authorities = Value(data, "ca.crt");
  if (authorities.empty()) return outcome;
  // One that cannot be read would spoil the bundle for everybody.
  const auto parsed = pki::Certificate::AllFromPem(authorities);
  if (!parsed.ok()) return base::Annotate(parsed.status(), "ca.crt");
  for (const pki::Certificate& certificate : *parsed) outcome.authority += certificate.ToPem();
  return outcome;
}

}  // namespace

absl::StatusOr<LeafOutcome> EnsureLeaf(kube::Client& client, const std::string& ns,
                                       const kube::Object& owner, const HubLeaf& leaf,
                                       std::chrono::seconds lifetime, pki::WallTime now,
                                       const kube::Call& call) {
  const auto secret = client.Get(kSecrets, {ns, leaf.secret}, call);
  std::map<std::string, std::string> data;
  if (secret.ok()) {
    data = SecretDataOf(*secret);
    if (kube::StringAt(*secret, {"metadata", "labels", kComponentLabel}).empty()) {
      auto outcome = OwnOutcome(data);
      if (!outcome.ok())
        return base::Annotate(outcome.status(), "secret " + leaf.secret + ", which is not ours");
      return outcome;
    }
  } else if (!absl::IsNotFound(secret.status())) {
    return secret.status();
  }
  HAWSER_ASSIGN_OR_RETURN(const pki::Authority authority, Signer(*leaf.authority));
  const std::string why = WhyDue({Value(data, "tls.crt"), Value(data, "tls.key")}, leaf.profile,
                                 authority.certificate(), now);
  if (why.empty()) return Outcome(Value(data, "tls.crt"));
  HAWSER_ASSIGN_OR_RETURN(const Leaf issued, IssueLeaf(authority, leaf.profile, lifetime));
  const kube::Object wanted = {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"type", "kubernetes.io/tls"},
      {"metadata",
       {{"name", leaf.secret},
        {"namespace", ns},
        {"labels", {{kComponentLabel, kProxyServer}}},
        {"ownerReferences", owner}}},
      {"data", EncodeSecretData({{"tls.crt", issued.certificate}, {"tls.key", issued.key}})}};
  HAWSER_RETURN_IF_ERROR(
      client.Apply(kSecrets, wanted, {.field_manager = kFieldManager}, call).status());
  LOG(INFO) << "certificate in secret " << leaf.secret << " issued: " << why;
  return Outcome(issued.certificate);
}

}  // namespace hawser::addon_manager
