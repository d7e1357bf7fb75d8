#include "lib/testing/test_certificates.h"

#include <glog/logging.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "lib/pki/identity.h"
#include "lib/pki/pem_file.h"

namespace hawser::testing {
namespace {

std::string MakeFolder() {
  const char* parent = ::getenv("TEST_TMPDIR");
  std::string path = std::string(parent != nullptr ? parent : "/tmp") + "/certificates.XXXXXX";
  CHECK(::mkdtemp(path.data()) != nullptr) << path;
  return path;
}

pki::Authority MakeAuthority(const std::string& name) {
  auto authority = pki::Authority::Create(name, std::chrono::hours(24));
  CHECK(authority.ok()) << authority.status();
  return *std::move(authority);
}

std::string ClusterUri(const std::string& cluster) {
  return pki::IdentityUri(pki::ClusterIdentity{"hawser.test", cluster, ""});
}

}  // namespace

TestCertificates::TestCertificates()
    : folder_(MakeFolder()),
      agents_(MakeAuthority("agents")),
      clients_(MakeAuthority("clients")),
      servers_(MakeAuthority("servers")),
      foreign_(MakeAuthority("foreign")) {}

TestCertificates::~TestCertificates() { std::filesystem::remove_all(folder_); }

net::TlsFiles TestCertificates::Issue(const pki::Authority& authority, pki::LeafSpec spec,
                                      const pki::Authority& trusted) {
  const std::string stem = folder_ + "/" + std::to_string(next_++);
  const net::TlsFiles files{stem + ".crt", stem + ".key", stem + "-ca.crt"};
  auto key = pki::PrivateKey::Generate();
  CHECK(key.ok()) << key.status();
  auto leaf = authority.Issue(spec, key->get());
  CHECK(leaf.ok()) << leaf.status();
  CHECK(key->Save(files.key).ok());
  CHECK(pki::WritePemFile(files.certificate, leaf->ToPem(), pki::kPublicFile).ok());
  CHECK(pki::WritePemFile(files.ca, trusted.certificate().ToPem(), pki::kPublicFile).ok());
  return files;
}

net::TlsFiles TestCertificates::HubPort(const pki::Authority& trusted,
                                        const std::string& dns_name) {
  pki::LeafSpec spec{.common_name = "hub", .server = true};
  spec.dns_names = {"localhost"};
  if (!dns_name.empty()) spec.dns_names.push_back(dns_name);
  spec.ip_addresses = {"127.0.0.1", "::1"};
  return Issue(servers_, std::move(spec), trusted);
}

net::TlsFiles TestCertificates::HubAgentPort() { return HubPort(agents_, ""); }

net::TlsFiles TestCertificates::HubAgentPortNamed(const std::string& dns_name) {
  return HubPort(agents_, dns_name);
}

net::TlsFiles TestCertificates::HubFrontEnd() { return HubPort(clients_, ""); }

net::TlsFiles TestCertificates::Agent(const std::string& cluster, std::chrono::seconds validity) {
  return Issue(
      agents_,
      {.common_name = "agent", .uri = ClusterUri(cluster), .client = true, .validity = validity},
      servers_);
}

net::TlsFiles TestCertificates::AgentWithoutIdentity() { return AgentWithUri(""); }

net::TlsFiles TestCertificates::AgentWithUri(const std::string& uri) {
  return Issue(agents_, {.common_name = "agent", .uri = uri, .client = true}, servers_);
}

net::TlsFiles TestCertificates::ExpiredAgent(const std::string& cluster) {
  pki::LeafSpec spec{.common_name = cluster, .uri = ClusterUri(cluster), .client = true};
  spec.validity = std::chrono::hours(1);
  spec.not_before = std::chrono::system_clock::now() - std::chrono::hours(2);
  return Issue(agents_, std::move(spec), servers_);
}

net::TlsFiles TestCertificates::ForeignAgent(const std::string& cluster) {
  return Issue(foreign_, {.common_name = cluster, .uri = ClusterUri(cluster), .client = true},
               servers_);
}

net::TlsFiles TestCertificates::Client(const std::string& name, std::chrono::seconds validity) {
  const std::string uri = pki::IdentityUri(pki::ClientIdentity{"hawser.test", name});
  return Issue(clients_, {.common_name = name, .uri = uri, .client = true, .validity = validity},
               servers_);
}

}  // namespace hawser::testing
