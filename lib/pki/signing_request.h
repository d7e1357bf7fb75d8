// A PKCS#10 request: proof that its sender holds a key. Nothing in it but the public key is ever
// believed; who issues a certificate decides names and usages.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/openssl_ptr.h"
#include "lib/pki/private_key.h"

namespace hawser::pki {

// What a request asks to be called.
struct RequestedSubject {
  std::string common_name;  // empty when there is none, or several
  std::vector<std::string> organizations;
  std::vector<std::string> organizational_units;
  bool other_attributes = false;  // something else is in it
};

class SigningRequest {
 public:
  static absl::StatusOr<SigningRequest> Create(const PrivateKey& key,
                                               const std::string& common_name);
  // kInvalidArgument when it is malformed or its signature does not fit its key.
  static absl::StatusOr<SigningRequest> FromPem(const std::string& pem);

  std::string ToPem() const;
  // For requests that somebody else signs as they are: to be compared with what must be in it.
  RequestedSubject subject() const;
  // Valid as long as the request.
  EVP_PKEY* public_key() const { return X509_REQ_get0_pubkey(request_.get()); }

 private:
  explicit SigningRequest(X509ReqPtr request) : request_(std::move(request)) {}
  X509ReqPtr request_;
};

}  // namespace hawser::pki
