// An X.509 certificate: read, written, looked at. Texts taken from it are escaped where they are
// not printable.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/openssl_ptr.h"

namespace hawser::pki {

using WallTime = std::chrono::system_clock::time_point;

class Certificate {
 public:
  explicit Certificate(X509Ptr certificate) : certificate_(std::move(certificate)) {}
  // The first certificate of the text.
  static absl::StatusOr<Certificate> FromPem(const std::string& pem);
  static absl::StatusOr<Certificate> Load(const std::string& path);
  // Every certificate of the text, at least one; kInvalidArgument when one of them is damaged.
  static absl::StatusOr<std::vector<Certificate>> AllFromPem(const std::string& pem);
  // The same for a file.
  static absl::StatusOr<std::vector<Certificate>> LoadAll(const std::string& path);

  std::string ToPem() const;
  X509* get() const { return certificate_.get(); }

  std::string common_name() const;
  std::string issuer_common_name() const;
  std::string serial() const;       // as SerialText()
  std::string fingerprint() const;  // as FingerprintText()
  WallTime not_before() const;
  WallTime not_after() const;
  bool is_ca() const;
  // "dns:hub.example", "ip:10.0.0.1", "uri:spiffe://...", in the order of the certificate.
  std::vector<std::string> alternative_names() const;
  // "client", "server": what the extended key usage allows.
  std::vector<std::string> usages() const;
  bool IsSignedBy(const Certificate& issuer) const;

 private:
  X509Ptr certificate_;
};

// The serial number in hexadecimal.
std::string SerialText(const X509* certificate);
// SHA-256 of the whole certificate, 64 hexadecimal digits in lower case.
std::string FingerprintText(const X509* certificate);
// The end of its validity, as far as the system clock reaches.
WallTime NotAfter(const X509* certificate);
// Seconds until a verified peer's certificate expires; negative when it has.
std::chrono::seconds TimeLeft(const X509* certificate, WallTime now);

}  // namespace hawser::pki
