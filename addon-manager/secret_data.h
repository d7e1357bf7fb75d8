// The data of a Secret, which travels in Base64.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace hawser::addon_manager {

// For the field `data`.
nlohmann::json EncodeSecretData(const std::map<std::string, std::string>& values);
// What of a Secret's data can be decoded.
std::map<std::string, std::string> SecretDataOf(const nlohmann::json& secret);

}  // namespace hawser::addon_manager
