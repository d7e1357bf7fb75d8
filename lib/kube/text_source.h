// Text that configuration gives in place or in a file: tokens, certificates, keys. Files are read
// again when they change, as Kubernetes replaces them under running programs.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/file_stamp.h"

namespace hawser::kube {

// Threads: any.
class TextSource {
 public:
  enum class Kind { kPublic, kPrivateKey };

  explicit TextSource(std::string text) : text_(std::move(text)) {}
  // A file of at most 1 MiB; a private key must not be accessible to group or others.
  TextSource(std::string path, Kind kind) : path_(std::move(path)), kind_(kind) {}
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;

  // While a file that was once read is missing or damaged, that is the error, not the old text.
  absl::StatusOr<std::string> Read();

 private:
  const std::string path_;  // empty for text given in place
  const Kind kind_ = Kind::kPublic;
  std::mutex mutex_;
  base::FileStamp stamp_;  // guarded by mutex_, as is
  std::string text_;
};

}  // namespace hawser::kube
