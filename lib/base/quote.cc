#include "lib/base/quote.h"

#include "absl/strings/escaping.h"

namespace hawser::base {
namespace {

constexpr size_t kMaxQuoted = 80;

}  // namespace

std::string Quote(const std::string& text) {
  const std::string quoted = "\"" + absl::CHexEscape(text.substr(0, kMaxQuoted)) + "\"";
  return text.size() <= kMaxQuoted ? quoted : quoted + "...";
}

}  // namespace hawser::base
