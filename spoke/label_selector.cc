#include "spoke/label_selector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::spoke {
namespace {

std::string Trimmed(std::string text) {
  absl::StripAsciiWhitespace(&text);
  return text;
}

// Labels' names and values, a prefix ("example.org/") included.
bool IsLabelText(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

// At commas outside of parentheses.
std::vector<std::string> SplitRequirements(const std::string& text) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (const char c : text) {
    if (c == '(') inside = true;
    if (c == ')') inside = false;
    if (c == ',' && !inside) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

absl::StatusOr<LabelSelector> LabelSelector::Parse(const std::string& text) {
  LabelSelector selector;
  selector.text_ = Trimmed(text);
  if (Trimmed(text).empty()) return selector;
  for (const std::string& part : SplitRequirements(text)) {
    HAWSER_ASSIGN_OR_RETURN(Requirement requirement, ParseRequirement(Trimmed(part)));
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

absl::StatusOr<LabelSelector::Requirement> LabelSelector::ParseRequirement(
    const std::string& text) {
  Requirement requirement;
  const size_t operation = text.find_first_of("!= \t", text.starts_with('!') ? 1 : 0);
  requirement.key = text.substr(0, operation);
  std::string rest = operation == std::string::npos ? "" : Trimmed(text.substr(operation));
  if (rest.empty()) {
    requirement.any_value = true;
    requirement.negated = requirement.key.starts_with('!');
    if (requirement.negated) requirement.key.erase(0, 1);
  } else if (rest.starts_with('=') || rest.starts_with("!=")) {
    requirement.negated = rest.front() == '!';
    const size_t length = rest.starts_with("==") || requirement.negated ? 2 : 1;
    requirement.values.insert(Trimmed(rest.substr(length)));
  } else {
    requirement.negated = rest.starts_with("not");
    if (requirement.negated) rest.erase(0, 3);
    if (!rest.starts_with("in") || !rest.ends_with(')'))
      return absl::InvalidArgumentError("not a label selector: " + base::Quote(text));
    rest = Trimmed(rest.substr(2));
    if (!rest.starts_with('('))
      return absl::InvalidArgumentError("not a label selector: " + base::Quote(text));
    for (const auto& value : absl::StrSplit(rest.substr(1, rest.size() - 2), ','))
      requirement.values.insert(Trimmed(std::string(value)));
  }
  if (requirement.key.empty() || !IsLabelText(requirement.key) ||
      !std::all_of(requirement.values.begin(), requirement.values.end(), &IsLabelText))
    return absl::InvalidArgumentError("not a label selector: " + base::Quote(text));
  return requirement;
}

bool LabelSelector::Matches(const Labels& labels) const {
  return std::all_of(
      requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
        const auto label = labels.find(requirement.key);
        const bool fits = label != labels.end() &&
                          (requirement.any_value || requirement.values.contains(label->second));
        return fits != requirement.negated;
      });
}

}  // namespace hawser::spoke
