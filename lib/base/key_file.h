// Who may read a private key's file.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace hawser::base {

// Whether a file with these permissions is for its reader alone. That is also so when root owns it
// and lets a group read it: how Kubernetes mounts a secret for a pod that is not root (fsGroup).
bool IsPrivate(mode_t mode, uid_t owner, uid_t reader);

// kFailedPrecondition when others than this process's user may access the private key at `path`.
// Except in a volume of a pod (a tmpfs mounted read-only): only the pod sees it, and a secret has
// mode 0644 there unless the pod's author thought of it.
absl::Status CheckKeyFilePermissions(const std::string& path);

}  // namespace hawser::base
