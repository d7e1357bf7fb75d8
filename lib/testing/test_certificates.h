// A whole PKI in a temporary folder: three trust domains, and certificates that must be refused.
//
//   TestCertificates certificates;
//   auto hub = net::TlsContext::Server({.files = certificates.HubAgentPort()});
//   auto agent = net::TlsContext::Client({.files = certificates.Agent("paris")});
//
// Servers are "localhost", 127.0.0.1 and ::1; the trust domain is "hawser.test". Files live as long
// as the object.
#pragma once

#include <chrono>
#include <string>

#include "lib/net/tls_context.h"
#include "lib/pki/authority.h"

namespace hawser::testing {

class TestCertificates {
 public:
  static constexpr std::chrono::seconds kLong = std::chrono::hours(24);

  TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;
  ~TestCertificates();

  // The hub's two ports: the same server certificate, the CA of those who may connect.
  net::TlsFiles HubAgentPort();
  net::TlsFiles HubFrontEnd();
  // The agents' port of a server that has one more name.
  net::TlsFiles HubAgentPortNamed(const std::string& dns_name);
  // An agent with spiffe://hawser.test/cluster/<cluster>.
  net::TlsFiles Agent(const std::string& cluster, std::chrono::seconds validity = kLong);
  // An agent's certificate without any URI, as the reference issues them.
  net::TlsFiles AgentWithoutIdentity();
  net::TlsFiles ExpiredAgent(const std::string& cluster);
  // Signed by a CA that nobody trusts.
  net::TlsFiles ForeignAgent(const std::string& cluster);
  // A hub client with spiffe://hawser.test/client/<name>.
  net::TlsFiles Client(const std::string& name, std::chrono::seconds validity = kLong);
  // As any of these, with a URI of the caller's choice.
  net::TlsFiles AgentWithUri(const std::string& uri);

  const pki::Authority& agents() const { return agents_; }
  const pki::Authority& clients() const { return clients_; }
  const pki::Authority& servers() const { return servers_; }
  const std::string& folder() const { return folder_; }

 private:
  net::TlsFiles Issue(const pki::Authority& authority, pki::LeafSpec spec,
                      const pki::Authority& trusted);
  net::TlsFiles HubPort(const pki::Authority& trusted, const std::string& dns_name);

  const std::string folder_;
  int next_ = 0;
  pki::Authority agents_;
  pki::Authority clients_;
  pki::Authority servers_;
  pki::Authority foreign_;
};

}  // namespace hawser::testing
