// Conditions of an object's status (metav1.Condition).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lib/kube/timestamp.h"

namespace hawser::kube {

struct Condition {
  std::string type;
  bool status = false;
  std::string reason;   // CamelCase
  std::string message;  // a line for people
};

// Puts the condition into the list `conditions`, made when null. Its time of transition changes
// with its status only; nothing changes when it says the same already.
void SetCondition(nlohmann::json& conditions, const Condition& condition, int64_t generation,
                  WallTime now);
// Of an object's status.
bool IsConditionTrue(const nlohmann::json& object, const std::string& type);
// Null when there is none.
const nlohmann::json* FindCondition(const nlohmann::json& object, const std::string& type);

}  // namespace hawser::kube
