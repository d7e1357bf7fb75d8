#include "lib/kube/fake_writes.h"

namespace hawser::kube {
namespace {

void AddFields(const Object& value, const Object::json_pointer& at,
               std::map<std::string, Object>& fields) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) AddFields(inner, at / key, fields);
  } else if (!value.is_null()) {
    fields[at.to_string()] = value;
  }
}

// What of an object its generation counts the changes of.
Object Content(Object object) {
  object.erase("metadata");
  object.erase("status");
  return object;
}

}  // namespace

std::map<std::string, Object> OwnedFields(const Object& applied) {
  Object fields = applied;
  for (const char* key : {"apiVersion", "kind"}) fields.erase(key);
  for (const char* key : {"name", "namespace", "resourceVersion", "uid"})
    if (fields.contains("metadata")) fields["metadata"].erase(key);
  std::map<std::string, Object> all;
  AddFields(fields, Object::json_pointer(), all);
  return all;
}

bool HasFinalizers(const Object& object) {
  const Object* finalizers = Find(object, {"metadata", "finalizers"});
  return finalizers != nullptr && !finalizers->empty();
}

Object ObjectAfterWrite(const std::string& subresource, const Object& before, const Object& next) {
  Object result = subresource.empty() ? next : before;
  const Object& status_of = subresource == "status" ? next : before;
  result.erase("status");
  if (status_of.contains("status")) result["status"] = status_of["status"];
  if (subresource == "approval")
    if (const Object* conditions = Find(next, {"status", "conditions"}))
      result["status"]["conditions"] = *conditions;
  for (const char* key :
       {"uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp"}) {
    if (const Object* value = Find(before, {"metadata", key})) {
      result["metadata"][key] = *value;
    } else {
      result["metadata"].erase(key);
    }
  }
  if (before["metadata"].contains("generation") && Content(result) != Content(before))
    result["metadata"]["generation"] = IntAt(before, {"metadata", "generation"}, 0) + 1;
  return result;
}

}  // namespace hawser::kube
