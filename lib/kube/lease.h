// Leases (coordination.k8s.io/v1): who holds something, and until when if nothing more is heard.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lib/kube/object.h"
#include "lib/kube/timestamp.h"

namespace hawser::kube {

inline const Resource kLeases{.group = "coordination.k8s.io", .version = "v1", .plural = "leases"};

struct Lease {
  ObjectName name;
  std::map<std::string, std::string> labels;
  std::string holder;  // empty when it was given up
  std::chrono::seconds duration{0};
  std::optional<WallTime> acquired;
  std::optional<WallTime> renewed;
  int64_t transitions = 0;  // how often the holder changed
  std::string resource_version;
  // Whose it is, annotations and the like: an update takes away what it does not repeat.
  Object other_metadata = Object::object();

  bool operator==(const Lease&) const = default;
};

// What of a Lease object makes sense; the rest stays empty.
Lease ParseLease(const Object& object);
Object LeaseObject(const Lease& lease);

// By the clock of whoever renewed it or, when nobody did yet, acquired it: for leases of others, of
// which nobody but their holder needs to be sure (see LeaderElector for those). One without a time
// has expired.
std::optional<WallTime> ExpiryOf(const Lease& lease);
bool HasExpired(const Lease& lease, WallTime now);

}  // namespace hawser::kube
