#include "addon-manager/ticket_keys.h"

#include <glog/logging.h>
#include <openssl/rand.h>

#include <chrono>

#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "addon-manager/secret_data.h"
#include "lib/base/status.h"
#include "lib/kube/timestamp.h"

namespace hawser::addon_manager {
namespace {

constexpr size_t kKey = 80;  // bytes
// Tickets live for two hours, and files get to pods within minutes: one older key would do.
constexpr size_t kKeys = 3;
constexpr std::chrono::hours kLife{24};

bool AreKeys(const std::string& bytes) { return !bytes.empty() && bytes.size() % kKey == 0; }

}  // namespace

std::string NextTicketKeys(const std::string& keys) {
  std::string next(kKey, '\0');
  CHECK_EQ(RAND_priv_bytes(reinterpret_cast<unsigned char*>(next.data()), kKey), 1);
  if (AreKeys(keys)) next += keys.substr(0, (kKeys - 1) * kKey);
  return next;
}

absl::StatusOr<pki::WallTime> EnsureTicketKeys(kube::Client& client, const std::string& ns,
                                               const kube::Object& owner, pki::WallTime now,
                                               const kube::Call& call) {
  const auto secret = client.Get(kSecrets, {ns, kTicketKeysSecret}, call);
  if (!secret.ok() && !absl::IsNotFound(secret.status())) return secret.status();
  std::string keys;
  if (secret.ok()) {
    if (kube::StringAt(*secret, {"metadata", "labels", kComponentLabel}).empty())
      return pki::WallTime::max();
    keys = SecretDataOf(*secret)[kTicketKeysEntry];
    const auto since = kube::ParseTimestamp(
        kube::StringAt(*secret, {"metadata", "annotations", kMadeAtAnnotation}));
    // A clock that was ahead must not keep a key for ever.
    if (AreKeys(keys) && since && *since <= now && now < *since + kLife) return *since + kLife;
  }
  const kube::Object wanted = {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata",
       {{"name", kTicketKeysSecret},
        {"namespace", ns},
        {"labels", {{kComponentLabel, kProxyServer}}},
        {"annotations", {{kMadeAtAnnotation, kube::FormatTime(now)}}},
        {"ownerReferences", owner}}},
      {"data", EncodeSecretData({{kTicketKeysEntry, NextTicketKeys(keys)}})}};
  HAWSER_RETURN_IF_ERROR(
      client.Apply(kSecrets, wanted, {.field_manager = kFieldManager}, call).status());
  LOG(INFO) << "a new key for session tickets is in secret " << kTicketKeysSecret;
  return now + kLife;
}

}  // namespace hawser::addon_manager
