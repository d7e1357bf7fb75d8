#include "addon-manager/leaf.h"

#include <openssl/err.h>

#include <algorithm>

#include "lib/base/status.h"
#include "lib/pki/certificate.h"
#include "lib/pki/private_key.h"

namespace hawser::addon_manager {
namespace {

pki::WallTime RenewalTimeOf(const pki::Certificate& certificate) {
  const pki::WallTime end = certificate.not_after();
  // When it was issued: the time before that is for others' clocks.
  const pki::WallTime begin = std::min(certificate.not_before() + pki::kClockSkew, end);
  return begin + (end - begin) * 2 / 3;
}

bool IsKeyOf(const pki::PrivateKey& key, const pki::Certificate& certificate) {
  const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return fits;
}

}  // namespace

std::string WhyDue(const Leaf& leaf, const LeafProfile& profile, const pki::Certificate& issuer,
                   pki::WallTime now) {
  if (leaf.certificate.empty() || leaf.key.empty()) return "there is none";
  const auto certificate = pki::Certificate::FromPem(leaf.certificate);
  if (!certificate.ok()) return "it is damaged";
  const auto key = pki::PrivateKey::FromPem(leaf.key);
  if (!key.ok() || !IsKeyOf(*key, *certificate)) return "its key is another's";
  if (!certificate->IsSignedBy(issuer)) return "another authority signs now";
  std::vector<std::string> names = certificate->alternative_names();
  std::sort(names.begin(), names.end());
  if (names != profile.names) return "its names have changed";
  if (now >= RenewalTimeOf(*certificate)) return "two thirds of its life are over";
  return "";
}

absl::StatusOr<pki::WallTime> RenewalTime(const std::string& certificate) {
  HAWSER_ASSIGN_OR_RETURN(const auto parsed, pki::Certificate::FromPem(certificate));
  return RenewalTimeOf(parsed);
}

absl::StatusOr<Leaf> IssueLeaf(const pki::Authority& authority, const LeafProfile& profile,
                               std::chrono::seconds lifetime) {
  pki::LeafSpec spec{.common_name = profile.common_name,
                     .server = profile.server,
                     .client = !profile.server,
                     .validity = lifetime};
  for (const std::string& name : profile.names) {
    const size_t colon = name.find(':');
    const std::string kind = name.substr(0, colon);
    const std::string value = name.substr(colon + 1);
    if (kind == "uri") {
      spec.uri = value;
    } else if (kind == "dns") {
      spec.dns_names.push_back(value);
    } else {
      spec.ip_addresses.push_back(value);
    }
  }
  HAWSER_ASSIGN_OR_RETURN(const auto key, pki::PrivateKey::Generate());
  HAWSER_ASSIGN_OR_RETURN(const auto certificate, authority.Issue(spec, key.get()));
  return Leaf{certificate.ToPem(), key.ToPem()};
}

}  // namespace hawser::addon_manager
