// Kubernetes' label selectors: "k8s-app=konnectivity-server,tier!=test,zone in (a, b),!old".
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::spoke {

class LabelSelector {
 public:
  using Labels = std::map<std::string, std::string>;

  // key=value, key==value, key!=value, key in (a,b), key notin (a,b), key, !key; all must hold. The
  // empty selector matches everything. kInvalidArgument for anything else.
  static absl::StatusOr<LabelSelector> Parse(const std::string& text);

  bool Matches(const Labels& labels) const;
  // As it was parsed.
  const std::string& text() const { return text_; }

 private:
  struct Requirement {
    std::string key;
    bool any_value = false;  // whatever it is, as long as the key is there
    std::set<std::string> values;
    bool negated = false;
  };
  static absl::StatusOr<Requirement> ParseRequirement(const std::string& text);

  std::string text_;
  std::vector<Requirement> requirements_;
};

}  // namespace hawser::spoke
