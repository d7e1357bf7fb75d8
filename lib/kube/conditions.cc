#include "lib/kube/conditions.h"

#include <algorithm>

#include "lib/kube/object.h"

namespace hawser::kube {
namespace {

using nlohmann::json;

template <typename Conditions>
auto FindType(Conditions& conditions, const std::string& type) {
  return std::find_if(conditions.begin(), conditions.end(),
                      [&](const json& condition) { return StringAt(condition, {"type"}) == type; });
}

}  // namespace

void SetCondition(json& conditions, const Condition& condition, int64_t generation, WallTime now) {
  if (!conditions.is_array()) conditions = json::array();
  json next = {{"type", condition.type},
               {"status", condition.status ? "True" : "False"},
               {"reason", condition.reason},
               {"message", condition.message},
               {"lastTransitionTime", FormatTime(now)}};
  if (generation > 0) next["observedGeneration"] = generation;
  const auto found = FindType(conditions, condition.type);
  if (found == conditions.end()) {
    conditions.push_back(std::move(next));
    return;
  }
  if (StringAt(*found, {"status"}) == next["status"])
    next["lastTransitionTime"] = StringAt(*found, {"lastTransitionTime"});
  *found = std::move(next);
}

const json* FindCondition(const json& object, const std::string& type) {
  const json* conditions = Find(object, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return nullptr;
  const auto found = FindType(*conditions, type);
  return found == conditions->end() ? nullptr : &*found;
}

bool IsConditionTrue(const json& object, const std::string& type) {
  const json* condition = FindCondition(object, type);
  return condition != nullptr && StringAt(*condition, {"status"}) == "True";
}

}  // namespace hawser::kube
