#include "hub/token_file.h"

#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/key_file.h"
#include "lib/base/read_file.h"
#include "lib/base/status.h"
#include "lib/pki/digest.h"

namespace hawser::hub {
namespace {

constexpr size_t kMaxFile = 1024 * 1024;  // bytes

}  // namespace

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Load(const std::string& path,
                                                           const std::string& user) {
  std::unique_ptr<TokenFile> tokens(new TokenFile(path, user));
  HAWSER_RETURN_IF_ERROR(tokens->Refresh());
  return tokens;
}

absl::Status TokenFile::Refresh(bool asked) {
  if (!watch_.Due(asked)) return absl::OkStatus();
  const absl::Status status = Read();
  return watch_.Done(status) ? status : absl::OkStatus();
}

absl::Status TokenFile::Read() {
  HAWSER_RETURN_IF_ERROR(base::CheckKeyFilePermissions(path_));
  const auto text = base::ReadFile(path_, kMaxFile);
  if (!text.ok()) return base::Annotate(text.status(), "token file");
  auto users = Parse(*text);
  if (!users.ok()) return base::Annotate(users.status(), "token file " + path_);
  const std::lock_guard lock(mutex_);
  users_ = std::make_shared<const Users>(*std::move(users));
  return absl::OkStatus();
}

absl::StatusOr<TokenFile::Users> TokenFile::Parse(const std::string& text) {
  Users users;
  std::istringstream lines(text);
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string token, user, more;
    if (!(words >> token) || token.front() == '#') continue;
    if (!(words >> user) || words >> more)
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": want a token and a user"));
    if (!users.emplace(pki::Sha256(token), user).second)
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": a token twice"));
  }
  return users;
}

void TokenFile::Authenticate(const std::string& token, Done done) {
  std::shared_ptr<const Users> users;
  {
    const std::lock_guard lock(mutex_);
    users = users_;
  }
  const auto found = users->find(pki::Sha256(token));
  done(found == users->end() ? absl::UnauthenticatedError("its token is not known")
                             : CheckTokenUser(found->second, user_));
}

}  // namespace hawser::hub
