#include "addon-manager/secret_data.h"

#include "absl/strings/escaping.h"
#include "lib/kube/object.h"

namespace hawser::addon_manager {

using nlohmann::json;

json EncodeSecretData(const std::map<std::string, std::string>& values) {
  json data = json::object();
  for (const auto& [name, value] : values) data[name] = absl::Base64Escape(value);
  return data;
}

std::map<std::string, std::string> SecretDataOf(const json& secret) {
  std::map<std::string, std::string> values;
  const json* data = kube::Find(secret, {"data"});
  if (data == nullptr || !data->is_object()) return values;
  for (const auto& [name, value] : data->items()) {
    std::string decoded;
    if (value.is_string() && absl::Base64Unescape(value.get<std::string>(), &decoded))
      values[name] = decoded;
  }
  return values;
}

}  // namespace hawser::addon_manager
