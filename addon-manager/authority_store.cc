#include "addon-manager/authority_store.h"

#include <glog/logging.h>

#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "addon-manager/secret_data.h"
#include "lib/base/status.h"
#include "lib/kube/api_error.h"

namespace hawser::addon_manager {

absl::StatusOr<AuthorityStore::Stored> AuthorityStore::Load(const kube::Object& owner,
                                                            std::chrono::seconds lifetime,
                                                            pki::WallTime now,
                                                            const kube::Call& call) {
  auto secret = client_.Get(kSecrets, secret_, call);
  if (absl::IsNotFound(secret.status()) && !must_exist_) {
    HAWSER_ASSIGN_OR_RETURN(const Authorities made, MakeAuthorities(lifetime, now));
    const kube::Object wanted = {{"apiVersion", "v1"},
                                 {"kind", "Secret"},
                                 {"metadata",
                                  {{"name", secret_.name},
                                   {"namespace", secret_.ns},
                                   {"labels", {{kComponentLabel, kProxyServer}}},
                                   {"ownerReferences", owner}}},
                                 {"data", EncodeSecretData(ToSecretData(made))}};
    secret = client_.Create(kSecrets, wanted, call);
    // Another addon-manager was faster.
    if (absl::IsAlreadyExists(secret.status())) secret = client_.Get(kSecrets, secret_, call);
    if (secret.ok())
      LOG(WARNING) << "secret " << secret_.Key() << " was missing: new authorities for agents, "
                   << "clients and servers";
  }
  HAWSER_RETURN_IF_ERROR(secret.status());
  auto authorities = AuthoritiesFromSecretData(SecretDataOf(*secret));
  if (!authorities.ok()) return base::Annotate(authorities.status(), "secret " + secret_.Key());
  return Stored{*std::move(authorities), *std::move(secret)};
}

absl::Status AuthorityStore::Save(const Stored& read, const Authorities& next,
                                  const kube::Call& call) {
  kube::Object secret = read.secret;
  secret["data"] = EncodeSecretData(ToSecretData(next));
  return client_.Update(kSecrets, secret, call).status();
}

}  // namespace hawser::addon_manager
