// The Secret with the authorities, and what is kept of it between two looks.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "addon-manager/authorities.h"
#include "lib/kube/client.h"

namespace hawser::addon_manager {

class AuthorityStore {
 public:
  struct Stored {
    Authorities authorities;
    kube::Object secret;  // as it was read, to be updated
  };

  // With `must_exist` a Secret that is missing is an error (kNotFound).
  AuthorityStore(kube::Client& client, kube::ObjectName secret, bool must_exist)
      : client_(client), secret_(std::move(secret)), must_exist_(must_exist) {}

  // Makes new authorities when there is no such Secret; two that do this at once end up with the
  // same. `owner`: for the new Secret's ownerReferences. kInvalidArgument for a Secret that cannot
  // be understood: it is left as it is.
  absl::StatusOr<Stored> Load(const kube::Object& owner, std::chrono::seconds lifetime,
                              pki::WallTime now, const kube::Call& call);
  // kAborted (kube::IsConflict) when somebody else has written it since.
  absl::Status Save(const Stored& read, const Authorities& next, const kube::Call& call);

 private:
  kube::Client& client_;
  const kube::ObjectName secret_;
  const bool must_exist_;
};

}  // namespace hawser::addon_manager
