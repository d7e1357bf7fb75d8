// PEM files on disk: read within bounds, written whole or not at all.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/key_file.h"

namespace hawser::pki {

using base::CheckKeyFilePermissions;

inline constexpr mode_t kPrivateFile = 0600;
inline constexpr mode_t kPublicFile = 0644;

// At most 1 MiB. kNotFound and the like name the path.
absl::StatusOr<std::string> ReadPemFile(const std::string& path);
struct FileOwner {
  uid_t user;
  gid_t group;
};

// Replaces `path` at once (a temporary file in the same folder, synced, renamed): a reader sees the
// old content or the new one, a crash leaves no torn file. The file is the caller's, or `owner`'s
// where the caller may give it away; otherwise nothing is written.
absl::Status WritePemFile(const std::string& path, const std::string& pem, mode_t mode,
                          const std::optional<FileOwner>& owner = std::nullopt);

}  // namespace hawser::pki
