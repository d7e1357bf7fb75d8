#include "lib/kube/lease.h"

#include <algorithm>

namespace hawser::kube {
namespace {

constexpr int64_t kLongest = 365 * 24 * 3600;  // seconds; more is a mistake

// Without what Lease has fields for, and who wrote which field when.
Object OtherMetadata(const Object& object) {
  const Object* metadata = Find(object, {"metadata"});
  if (metadata == nullptr || !metadata->is_object()) return Object::object();
  Object other = *metadata;
  for (const char* key : {"namespace", "name", "labels", "resourceVersion", "managedFields"})
    other.erase(key);
  return other;
}

}  // namespace

Lease ParseLease(const Object& object) {
  Lease lease;
  lease.name = NameOf(object);
  lease.resource_version = ResourceVersionOf(object);
  if (const Object* labels = Find(object, {"metadata", "labels"});
      labels != nullptr && labels->is_object())
    for (const auto& [key, value] : labels->items())
      if (value.is_string()) lease.labels[key] = value.get<std::string>();
  lease.other_metadata = OtherMetadata(object);
  lease.holder = StringAt(object, {"spec", "holderIdentity"});
  lease.duration = std::chrono::seconds(
      std::clamp<int64_t>(IntAt(object, {"spec", "leaseDurationSeconds"}, 0), 0, kLongest));
  lease.acquired = ParseTimestamp(StringAt(object, {"spec", "acquireTime"}));
  lease.renewed = ParseTimestamp(StringAt(object, {"spec", "renewTime"}));
  lease.transitions = IntAt(object, {"spec", "leaseTransitions"}, 0);
  return lease;
}

Object LeaseObject(const Lease& lease) {
  Object object = {{"apiVersion", kLeases.ApiVersion()},
                   {"kind", "Lease"},
                   {"metadata", lease.other_metadata},
                   {"spec", Object::object()}};
  object["metadata"]["namespace"] = lease.name.ns;
  object["metadata"]["name"] = lease.name.name;
  if (!lease.labels.empty()) object["metadata"]["labels"] = lease.labels;
  if (!lease.resource_version.empty())
    object["metadata"]["resourceVersion"] = lease.resource_version;
  Object& spec = object["spec"];
  spec["holderIdentity"] = lease.holder;
  if (lease.duration.count() > 0) spec["leaseDurationSeconds"] = lease.duration.count();
  if (lease.acquired) spec["acquireTime"] = FormatMicroTime(*lease.acquired);
  if (lease.renewed) spec["renewTime"] = FormatMicroTime(*lease.renewed);
  spec["leaseTransitions"] = lease.transitions;
  return object;
}

std::optional<WallTime> ExpiryOf(const Lease& lease) {
  const auto& since = lease.renewed ? lease.renewed : lease.acquired;
  // The clock has no later time than it can hold.
  if (!since) return std::nullopt;
  return *since + std::min<WallTime::duration>(lease.duration, WallTime::max() - *since);
}

bool HasExpired(const Lease& lease, WallTime now) {
  const auto expiry = ExpiryOf(lease);
  return !expiry || *expiry <= now;
}

}  // namespace hawser::kube
