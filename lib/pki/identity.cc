#include "lib/pki/identity.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/pki/digest.h"
#include "lib/pki/openssl_ptr.h"

namespace hawser::pki {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr size_t kMaxUri = 1024;
constexpr size_t kMaxTrustDomain = 255;
constexpr size_t kMaxName = 128;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsTrustDomain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTrustDomain &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsLower(c) || IsDigit(c) || c == '.' || c == '-' || c == '_';
         });
}

// Agent ids and client names.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                  c == '_';
         });
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    text.remove_prefix(slash + 1);
  }
}

absl::Status Malformed(const std::string& what) {
  return absl::InvalidArgumentError("identity in the certificate: " + what);
}

}  // namespace

bool IsClusterName(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

std::string ServiceProxyHost(const std::string& cluster) {
  return "cluster-" + Sha256Hex(cluster).substr(0, 56) + "." + kServiceProxyDomain;
}

absl::StatusOr<Identity> ParseIdentity(const std::string& uri) {
  if (uri.size() > kMaxUri) return Malformed("the uri is too long");
  if (!std::string_view(uri).starts_with(kScheme)) return Malformed("not a spiffe uri");
  const auto parts = Split(std::string_view(uri).substr(kScheme.size()));
  if (!IsTrustDomain(parts[0])) return Malformed("bad trust domain");
  const std::string trust_domain(parts[0]);
  const std::string_view kind = parts.size() > 1 ? parts[1] : "";
  if (kind == "client" && parts.size() == 3) {
    if (!IsName(parts[2])) return Malformed("bad client name");
    return ClientIdentity{trust_domain, std::string(parts[2])};
  }
  if (kind == "cluster" && (parts.size() == 3 || parts.size() == 5)) {
    const std::string cluster(parts[2]);
    if (!IsClusterName(cluster)) return Malformed("bad cluster name");
    if (parts.size() == 3) return ClusterIdentity{trust_domain, cluster, ""};
    if (parts[3] != "agent" || !IsName(parts[4])) return Malformed("bad agent id");
    return ClusterIdentity{trust_domain, cluster, std::string(parts[4])};
  }
  return Malformed("neither cluster/<name>, cluster/<name>/agent/<id> nor client/<name>");
}

std::string IdentityUri(const Identity& identity) {
  if (const auto* client = std::get_if<ClientIdentity>(&identity))
    return std::string(kScheme) + client->trust_domain + "/client/" + client->name;
  const auto& cluster = std::get<ClusterIdentity>(identity);
  const std::string uri =
      std::string(kScheme) + cluster.trust_domain + "/cluster/" + cluster.cluster;
  return cluster.agent.empty() ? uri : uri + "/agent/" + cluster.agent;
}

namespace {

// Other systems' names (spiffe://mesh.example/ns/default/sa/web) say nothing about an agent or
// client.
bool IsMeantForUs(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return false;
  const auto parts = Split(uri.substr(kScheme.size()));
  return parts.size() > 1 && (parts[1] == "cluster" || parts[1] == "client");
}

}  // namespace

absl::StatusOr<std::optional<Identity>> IdentityOf(const X509* certificate) {
  if (certificate == nullptr) return std::nullopt;
  int critical = 0;
  GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  if (names == nullptr) {
    // -1: there is no such extension; -2: several; otherwise it could not be decoded.
    if (critical == -1) return std::nullopt;
    return Malformed("unreadable subject alternative names");
  }
  std::optional<std::string> ours;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    // By length, so that a NUL byte does not end it.
    const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                          static_cast<size_t>(ASN1_STRING_length(text)));
    if (!IsMeantForUs(uri)) continue;
    if (std::exchange(ours, uri).has_value()) return Malformed("more than one uri");
  }
  if (!ours.has_value()) return std::nullopt;
  HAWSER_ASSIGN_OR_RETURN(Identity identity, ParseIdentity(*ours));
  return identity;
}

}  // namespace hawser::pki
