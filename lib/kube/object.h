// Kubernetes objects as data, and where the API server keeps them.
//
//   const Resource kSecrets{.version = "v1", .plural = "secrets"};
//   ObjectPath(kSecrets, {"kube-system", "ca"});  // /api/v1/namespaces/kube-system/secrets/ca
//
// Objects come from outside: every look here copes with any JSON, and never throws.
#pragma once

#include <compare>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace hawser::kube {

using Object = nlohmann::json;

struct ObjectName {
  std::string ns;  // empty for objects of cluster scope
  std::string name;

  auto operator<=>(const ObjectName&) const = default;
  // "namespace/name", or "name" in cluster scope: the form that stores and queues use.
  std::string Key() const { return ns.empty() ? name : ns + "/" + name; }
};

ObjectName NameFromKey(const std::string& key);

struct Resource {
  std::string group;  // empty for the core group
  std::string version;
  std::string plural;
  bool namespaced = true;
  std::string subresource;  // "status", "approval", ...

  Resource Sub(const std::string& name) const;
  // "v1", "apps/v1".
  std::string ApiVersion() const;
  // "secrets", "leases.coordination.k8s.io", "deployments.apps/status": for messages.
  std::string Text() const;
};

// The path of a collection; of all namespaces when `ns` is empty. kInvalidArgument for names that
// would lead elsewhere.
absl::StatusOr<std::string> CollectionPath(const Resource& resource, const std::string& ns);
absl::StatusOr<std::string> ObjectPath(const Resource& resource, const ObjectName& name);
// Everything but letters, digits and "-._~" as %XX.
std::string UrlEscape(const std::string& text);

// The value at the end of a path of keys; null when there is none.
const Object* Find(const Object& object, std::initializer_list<const char*> path);
// A string, or "" when there is none.
std::string StringAt(const Object& object, std::initializer_list<const char*> path);
// An integer, or `otherwise`.
int64_t IntAt(const Object& object, std::initializer_list<const char*> path, int64_t otherwise);

ObjectName NameOf(const Object& object);
std::string ResourceVersionOf(const Object& object);
std::string UidOf(const Object& object);
// Whether somebody asked for its deletion.
bool IsBeingDeleted(const Object& object);

}  // namespace hawser::kube
