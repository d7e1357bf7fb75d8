// The Secret with the keys of the hub's session tickets: all its pods share them, so that agents
// and clients resume their sessions with any of them, one that has just started included.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/kube/client.h"
#include "lib/pki/certificate.h"

namespace hawser::addon_manager {

// The keys that follow `keys`, as proxy-server's --ticket-keys-file wants them: a new one first,
// then the newest ones there were. Bytes that are no keys are dropped.
std::string NextTicketKeys(const std::string& keys);

// Makes the Secret, or a new key in it once a day. When to look again. A Secret that is there
// without our label belongs to the operator, and stays as it is. `owner`: for ownerReferences.
absl::StatusOr<pki::WallTime> EnsureTicketKeys(kube::Client& client, const std::string& ns,
                                               const kube::Object& owner, pki::WallTime now,
                                               const kube::Call& call);

}  // namespace hawser::addon_manager
