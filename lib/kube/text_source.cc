#include "lib/kube/text_source.h"

#include "lib/base/key_file.h"
#include "lib/base/status.h"
#include "lib/pki/pem_file.h"

namespace hawser::kube {

absl::StatusOr<std::string> TextSource::Read() {
  const std::lock_guard lock(mutex_);
  if (path_.empty()) return text_;
  // Taken before the content: a change in between is seen the next time.
  const base::FileStamp stamp = base::ReadFileStamp(path_);
  if (stamp == stamp_ && stamp != base::FileStamp()) return text_;
  if (kind_ == Kind::kPrivateKey) HAWSER_RETURN_IF_ERROR(base::CheckKeyFilePermissions(path_));
  HAWSER_ASSIGN_OR_RETURN(text_, pki::ReadPemFile(path_));
  stamp_ = stamp;
  return text_;
}

}  // namespace hawser::kube
