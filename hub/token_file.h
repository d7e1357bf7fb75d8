// Agents' tokens from a file: for hubs without a Kubernetes API that would know them.
//
//   # token                        user
//   V1hcQ0tq8u...                  system:serviceaccount:kube-system:konnectivity-agent
//
// The file holds secrets: it is refused when group or others may read it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "hub/token_authenticator.h"
#include "lib/base/file_watch.h"

namespace hawser::hub {

class TokenFile final : public TokenAuthenticator {
 public:
  // Lets in whoever sends a token of `user`. Errors name the file, and the line.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Load(const std::string& path,
                                                         const std::string& user);

  void Authenticate(const std::string& token, Done done) override;
  // Reads the file again when it changed since it was read last, when it could not be read, or when
  // `asked` to. An error is reported once per change and whenever asked; the tokens stay as they
  // were. One thread.
  absl::Status Refresh(bool asked = false);

 private:
  // Users by their tokens' SHA-256: the time of a look-up then tells nothing about a token.
  using Users = std::map<std::string, std::string>;

  TokenFile(const std::string& path, const std::string& user)
      : path_(path), user_(user), watch_({path}) {}
  static absl::StatusOr<Users> Parse(const std::string& text);
  absl::Status Read();

  const std::string path_;
  const std::string user_;
  base::FileWatch watch_;
  std::mutex mutex_;
  std::shared_ptr<const Users> users_;  // guarded by mutex_
};

}  // namespace hawser::hub
