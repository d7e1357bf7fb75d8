#include "cli/pki_directory.h"

#include <arpa/inet.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/net/dns/host.h"
#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"
#include "lib/pki/pem_file.h"
#include "lib/pki/private_key.h"

namespace hawser::cli {
namespace {

constexpr char kAgents[] = "agents";
constexpr char kClients[] = "clients";
constexpr char kServers[] = "servers";

// A folder that is there already keeps its mode.
absl::Status MakePrivateFolder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error))
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  if (error) return base::ErrnoStatus(error.value(), "make folder " + path);
  return absl::OkStatus();
}

absl::Status CheckAbsent(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error)))
    return absl::OkStatus();
  return absl::AlreadyExistsError(path + " exists already");
}

// The identity must read back as it was meant, or a peer would refuse it later.
absl::StatusOr<std::string> Uri(const pki::Identity& identity, const std::string& name) {
  const std::string uri = pki::IdentityUri(identity);
  const auto parsed = pki::ParseIdentity(uri);
  if (parsed.ok() && *parsed == identity) return uri;
  return absl::InvalidArgumentError(base::Quote(name) + " cannot be a name in " + base::Quote(uri));
}

// What others can verify: a host name, which may begin with a wildcard.
absl::Status CheckHostName(const std::string& host) {
  in6_addr address;
  if (inet_pton(AF_INET, host.c_str(), &address) == 1 ||
      inet_pton(AF_INET6, host.c_str(), &address) == 1)
    return absl::InvalidArgumentError("an address: want ip:" + host);
  if (!net::dns::IsHostName(host.substr(host.starts_with("*.") ? 2 : 0)))
    return absl::InvalidArgumentError("not a host name");
  return absl::OkStatus();
}

}  // namespace

std::string PkiDirectory::AuthorityFile(const std::string& authority,
                                        const std::string& suffix) const {
  return root_ + "/ca/" + authority + suffix;
}

absl::Status PkiDirectory::Init(std::chrono::seconds validity) {
  for (const std::string authority : {kAgents, kClients, kServers})
    for (const std::string suffix : {".crt", ".key"})
      HAWSER_RETURN_IF_ERROR(CheckAbsent(AuthorityFile(authority, suffix)));
  HAWSER_RETURN_IF_ERROR(MakePrivateFolder(root_));
  HAWSER_RETURN_IF_ERROR(MakePrivateFolder(root_ + "/ca"));
  for (const std::string authority : {kAgents, kClients, kServers}) {
    HAWSER_ASSIGN_OR_RETURN(const pki::Authority made,
                            pki::Authority::Create("hawser " + authority, validity));
    HAWSER_RETURN_IF_ERROR(made.key().Save(AuthorityFile(authority, ".key")));
    HAWSER_RETURN_IF_ERROR(pki::WritePemFile(AuthorityFile(authority, ".crt"),
                                             made.certificate().ToPem(), pki::kPublicFile));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> PkiDirectory::IssueAgent(const std::string& cluster,
                                                     const Issue& issue) {
  pki::LeafSpec spec;
  spec.common_name = cluster;
  HAWSER_ASSIGN_OR_RETURN(spec.uri,
                          Uri(pki::ClusterIdentity{issue.trust_domain, cluster, ""}, cluster));
  spec.client = true;
  spec.validity = issue.validity;
  return IssueLeaf(kAgents, cluster, spec, issue.overwrite);
}

absl::StatusOr<std::string> PkiDirectory::IssueClient(const std::string& name, const Issue& issue) {
  pki::LeafSpec spec;
  spec.common_name = name;
  HAWSER_ASSIGN_OR_RETURN(spec.uri, Uri(pki::ClientIdentity{issue.trust_domain, name}, name));
  spec.client = true;
  spec.validity = issue.validity;
  return IssueLeaf(kClients, name, spec, issue.overwrite);
}

absl::StatusOr<std::string> PkiDirectory::IssueServer(const std::string& name,
                                                      const std::vector<std::string>& sans,
                                                      const Issue& issue) {
  pki::LeafSpec spec;
  spec.common_name = name;
  // Checked only: servers are known by their DNS names and addresses.
  HAWSER_RETURN_IF_ERROR(Uri(pki::ClientIdentity{issue.trust_domain, name}, name).status());
  if (sans.empty())
    return absl::InvalidArgumentError("server certificate without a name: want --san");
  for (const std::string& san : sans) {
    if (san.starts_with("dns:")) {
      const std::string host = san.substr(4);
      HAWSER_RETURN_IF_ERROR(base::Annotate(CheckHostName(host), "--san " + base::Quote(san)));
      spec.dns_names.push_back(host);
    } else if (san.starts_with("ip:")) {
      spec.ip_addresses.push_back(san.substr(3));
    } else {
      return absl::InvalidArgumentError("--san " + base::Quote(san) +
                                        ": want dns:NAME or ip:ADDRESS");
    }
  }
  spec.server = true;
  spec.validity = issue.validity;
  return IssueLeaf(kServers, name, spec, issue.overwrite);
}

absl::StatusOr<std::string> PkiDirectory::IssueLeaf(const std::string& authority,
                                                    const std::string& name,
                                                    const pki::LeafSpec& spec, bool overwrite) {
  const std::string folder = root_ + "/" + authority + "/" + name;
  const std::string certificate_path = folder + "/tls.crt";
  const std::string key_path = folder + "/tls.key";
  if (!overwrite) {
    HAWSER_RETURN_IF_ERROR(CheckAbsent(certificate_path));
    HAWSER_RETURN_IF_ERROR(CheckAbsent(key_path));
  }
  HAWSER_ASSIGN_OR_RETURN(
      const pki::Authority issuer,
      pki::Authority::Load(AuthorityFile(authority, ".crt"), AuthorityFile(authority, ".key")));
  HAWSER_ASSIGN_OR_RETURN(const std::string servers_ca,
                          pki::ReadPemFile(AuthorityFile(kServers, ".crt")));
  HAWSER_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
  HAWSER_ASSIGN_OR_RETURN(const pki::Certificate certificate, issuer.Issue(spec, key.get()));
  HAWSER_RETURN_IF_ERROR(MakePrivateFolder(root_ + "/" + authority));
  HAWSER_RETURN_IF_ERROR(MakePrivateFolder(folder));
  HAWSER_RETURN_IF_ERROR(key.Save(key_path));
  HAWSER_RETURN_IF_ERROR(
      pki::WritePemFile(certificate_path, certificate.ToPem(), pki::kPublicFile));
  HAWSER_RETURN_IF_ERROR(pki::WritePemFile(folder + "/ca.crt", servers_ca, pki::kPublicFile));
  return folder;
}

}  // namespace hawser::cli
