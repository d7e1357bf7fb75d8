#include "spoke/bearer_token.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "lib/base/read_file.h"

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
  auto token = base::ReadFile(path, kMaxToken);
  if (!token.ok()) return token.status();
  absl::StripAsciiWhitespace(&*token);
  if (token->empty() || !std::all_of(token->begin(), token->end(), &IsTokenCharacter))
    return absl::InvalidArgumentError("read " + path + ": it holds no token");
  return token;
}

}  // namespace hawser::spoke
