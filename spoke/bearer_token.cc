#include "spoke/bearer_token.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"

namespace hawser::spoke {
namespace {

// It has to fit into the header list of a request.
constexpr size_t kMaxToken = 8 * 1024;

bool IsTokenCharacter(unsigned char c) {
  return absl::ascii_isalnum(c) ||
         std::string("-._~+/=").find(static_cast<char>(c)) != std::string::npos;
}

}  // namespace

absl::StatusOr<std::string> ReadBearerToken(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::ErrnoStatus(errno, "read token " + path);
  std::string token(kMaxToken + 1, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<size_t>(file.gcount()));
  if (token.size() > kMaxToken)
    return absl::InvalidArgumentError("read token " + path + ": longer than 8 KiB");
  absl::StripAsciiWhitespace(&token);
  if (token.empty() || !std::all_of(token.begin(), token.end(), &IsTokenCharacter))
    return absl::InvalidArgumentError("read token " + path + ": it holds no token");
  return token;
}

}  // namespace hawser::spoke
