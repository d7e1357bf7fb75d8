// A certificate authority: one per trust domain (agents, hub clients, servers). It decides
// everything in a leaf but the public key.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/certificate.h"
#include "lib/pki/private_key.h"

namespace hawser::pki {

// How far peers' clocks may be behind: leaves are valid from so long before they are issued.
constexpr std::chrono::minutes kClockSkew{5};

struct LeafSpec {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> organizational_units;
  std::string uri;  // of the identity; may be empty
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool server = false;  // extended key usages
  bool client = false;
  // Clipped to the authority's own life.
  std::chrono::seconds validity = std::chrono::hours(24 * 365);
  // kClockSkew before now when absent.
  std::optional<WallTime> not_before;
};

class Authority {
 public:
  // A key and a self-signed certificate, which signs leaves only.
  static absl::StatusOr<Authority> Create(const std::string& common_name,
                                          std::chrono::seconds validity);
  // kInvalidArgument when the certificate is no CA or the key is not its own.
  static absl::StatusOr<Authority> FromPem(const std::string& certificate, const std::string& key);
  // The same for files.
  static absl::StatusOr<Authority> Load(const std::string& certificate_path,
                                        const std::string& key_path);

  const Certificate& certificate() const { return certificate_; }
  const PrivateKey& key() const { return key_; }
  // kInvalidArgument for names that do not fit in a certificate, a validity beyond a second to a
  // hundred years, and no usage; kFailedPrecondition when the authority has expired.
  absl::StatusOr<Certificate> Issue(const LeafSpec& spec, EVP_PKEY* public_key) const;

 private:
  static absl::StatusOr<Authority> Make(Certificate certificate, PrivateKey key);
  Authority(Certificate certificate, PrivateKey key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  Certificate certificate_;
  PrivateKey key_;
};

}  // namespace hawser::pki
