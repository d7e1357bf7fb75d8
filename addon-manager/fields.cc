#include "addon-manager/fields.h"

#include <utility>

namespace hawser::addon_manager {

using nlohmann::json;

absl::Status WrongField(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(path + ": " + why);
}

Fields::Fields(const json& object, std::string path) : object_(object), path_(std::move(path)) {}

std::string Fields::Path(const std::string& name) const {
  return path_.empty() ? name : path_ + "." + name;
}

absl::StatusOr<Fields> Fields::Inside(const std::string& name) const {
  static const json kNothing = json::object();
  const auto found = object_.find(name);
  if (found == object_.end() || found->is_null()) return Fields(kNothing, Path(name));
  if (!found->is_object()) return WrongField(Path(name), "must be an object");
  return Fields(*found, Path(name));
}

absl::StatusOr<std::vector<Fields>> Fields::List(const std::string& name) const {
  std::vector<Fields> items;
  const auto found = object_.find(name);
  if (found == object_.end() || found->is_null()) return items;
  if (!found->is_array()) return WrongField(Path(name), "must be a list");
  for (const json& item : *found) {
    const std::string path = Path(name) + "[" + std::to_string(items.size()) + "]";
    if (!item.is_object()) return WrongField(path, "must be an object");
    items.emplace_back(item, path);
  }
  return items;
}

}  // namespace hawser::addon_manager
