#include "lib/kube/credentials.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"

namespace hawser::kube {
namespace {

absl::StatusOr<std::string> ReadIfGiven(TextSource* source) {
  return source == nullptr ? std::string() : source->Read();
}

bool IsTokenCharacter(char c) { return c > ' ' && c < '\x7f'; }

}  // namespace

absl::StatusOr<Credential> StaticCredentials::Get() {
  Credential credential;
  HAWSER_ASSIGN_OR_RETURN(credential.token, ReadIfGiven(sources_.token.get()));
  absl::StripAsciiWhitespace(&credential.token);
  if (!std::all_of(credential.token.begin(), credential.token.end(), IsTokenCharacter))
    return absl::InvalidArgumentError("the token has a character that does not fit in a header");
  HAWSER_ASSIGN_OR_RETURN(credential.certificate_pem, ReadIfGiven(sources_.certificate.get()));
  HAWSER_ASSIGN_OR_RETURN(credential.key_pem, ReadIfGiven(sources_.key.get()));
  return credential;
}

}  // namespace hawser::kube
