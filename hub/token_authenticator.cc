#include "hub/token_authenticator.h"

#include "lib/base/quote.h"

namespace hawser::hub {

absl::Status CheckTokenUser(const std::string& user, const std::string& wanted) {
  if (user == wanted) return absl::OkStatus();
  return absl::PermissionDeniedError("its token is of user " + base::Quote(user) + ", not of " +
                                     wanted);
}

}  // namespace hawser::hub
