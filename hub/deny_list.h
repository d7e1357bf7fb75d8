// Certificates that are not let in although an authority stands for them: of spokes and clients
// that were taken over, until their certificates have expired or the authority has changed.
#pragma once

#include <openssl/x509.h>

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"

namespace hawser::hub {

class DenyList {
 public:
  // What a certificate can be denied by; empty: it has none.
  struct Subject {
    std::string serial;       // hexadecimal, lower case, without zeros at its front
    std::string fingerprint;  // SHA-256 of the certificate, hexadecimal, lower case
    std::string cluster;
    std::string client;
  };
  static Subject SubjectOf(const X509* certificate);

  // `key` is "serial", "fingerprint", "cluster" or "client". Serials and fingerprints may have
  // colons and any case, as tools print them. InvalidArgument for what cannot be one.
  absl::Status Add(const std::string& key, const std::string& value);

  bool empty() const { return denied_.empty(); }
  // By which entry, "cluster paris"; empty when by none.
  std::string WhyDenied(const Subject& subject) const;

 private:
  std::map<std::string, std::set<std::string>> denied_;  // values by key
};

}  // namespace hawser::hub
