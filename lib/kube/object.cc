#include "lib/kube/object.h"

#include <cstdio>

#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::kube {
namespace {

bool IsUnreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Names may hold more than DNS labels (RBAC's have colons), but never a part of a path.
absl::StatusOr<std::string> Segment(const std::string& what, const std::string& text) {
  if (text.empty()) return absl::InvalidArgumentError(what + " is empty");
  if (text == "." || text == ".." || text.find('/') != std::string::npos)
    return absl::InvalidArgumentError(what + " " + base::Quote(text) + " is not allowed");
  return UrlEscape(text);
}

}  // namespace

ObjectName NameFromKey(const std::string& key) {
  const size_t slash = key.find('/');
  if (slash == std::string::npos) return {"", key};
  return {key.substr(0, slash), key.substr(slash + 1)};
}

Resource Resource::Sub(const std::string& name) const {
  Resource copy = *this;
  copy.subresource = name;
  return copy;
}

std::string Resource::ApiVersion() const { return group.empty() ? version : group + "/" + version; }

std::string Resource::Text() const {
  std::string text = group.empty() ? plural : plural + "." + group;
  if (!subresource.empty()) text += "/" + subresource;
  return text;
}

absl::StatusOr<std::string> CollectionPath(const Resource& resource, const std::string& ns) {
  std::string path = (resource.group.empty() ? "/api/" : "/apis/") + resource.ApiVersion();
  if (!ns.empty()) {
    if (!resource.namespaced)
      return absl::InvalidArgumentError(resource.Text() + " are not in namespaces, not even in " +
                                        base::Quote(ns));
    HAWSER_ASSIGN_OR_RETURN(const std::string segment, Segment("namespace", ns));
    path += "/namespaces/" + segment;
  }
  return path + "/" + resource.plural;
}

absl::StatusOr<std::string> ObjectPath(const Resource& resource, const ObjectName& name) {
  if (resource.namespaced && name.ns.empty())
    return absl::InvalidArgumentError("namespace is empty");
  HAWSER_ASSIGN_OR_RETURN(std::string path, CollectionPath(resource, name.ns));
  HAWSER_ASSIGN_OR_RETURN(const std::string segment, Segment("name", name.name));
  path += "/" + segment;
  if (!resource.subresource.empty()) path += "/" + resource.subresource;
  return path;
}

std::string UrlEscape(const std::string& text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(static_cast<unsigned char>(c))) {
      escaped += c;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
      escaped += hex;
    }
  }
  return escaped;
}

const Object* Find(const Object& object, std::initializer_list<const char*> path) {
  const Object* at = &object;
  for (const char* key : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string StringAt(const Object& object, std::initializer_list<const char*> path) {
  const Object* value = Find(object, path);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

int64_t IntAt(const Object& object, std::initializer_list<const char*> path, int64_t otherwise) {
  const Object* value = Find(object, path);
  return value != nullptr && value->is_number_integer() ? value->get<int64_t>() : otherwise;
}

ObjectName NameOf(const Object& object) {
  return {StringAt(object, {"metadata", "namespace"}), StringAt(object, {"metadata", "name"})};
}

std::string ResourceVersionOf(const Object& object) {
  return StringAt(object, {"metadata", "resourceVersion"});
}

std::string UidOf(const Object& object) { return StringAt(object, {"metadata", "uid"}); }

bool IsBeingDeleted(const Object& object) {
  return !StringAt(object, {"metadata", "deletionTimestamp"}).empty();
}

}  // namespace hawser::kube
