// Fields of an object of the Kubernetes API, read into variables that keep their default when a
// field is absent or null. Errors are kInvalidArgument and name the field by its path.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hawser::addon_manager {

absl::Status WrongField(const std::string& path, const std::string& why);

class Fields {
 public:
  // `object` must outlive this, and be an object.
  Fields(const nlohmann::json& object, std::string path);

  template <typename Value>
  absl::Status Read(const std::string& name, Value& value) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return absl::OkStatus();
    try {
      found->get_to(value);
      return absl::OkStatus();
    } catch (const nlohmann::json::exception&) {
      return WrongField(Path(name), "not what it must be: " + found->dump());
    }
  }

  // An integer from `least` to `most`.
  template <typename Integer>
  absl::Status ReadNumber(const std::string& name, Integer& value, int64_t least,
                          int64_t most) const {
    int64_t number = value;
    if (const absl::Status status = Read(name, number); !status.ok()) return status;
    if (number < least || number > most)
      return WrongField(Path(name), "must be " + std::to_string(least) + " to " +
                                        std::to_string(most) + ", not " + std::to_string(number));
    value = static_cast<Integer>(number);
    return absl::OkStatus();
  }

  // The fields of an object in it; none when it is absent.
  absl::StatusOr<Fields> Inside(const std::string& name) const;
  // Objects in a list; none when it is absent.
  absl::StatusOr<std::vector<Fields>> List(const std::string& name) const;

  std::string Path(const std::string& name) const;

 private:
  const nlohmann::json& object_;
  std::string path_;
};

}  // namespace hawser::addon_manager
