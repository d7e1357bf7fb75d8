// What the health and admin ports answer, as text.
#pragma once

#include <string>
#include <vector>

#include "hub/session_registry.h"
#include "hub/snapshot.h"

namespace hawser::hub {

struct Readiness {
  bool ready;
  std::string text;  // one line per condition
};

// Ready: an agent is connected that the first strategy can use, and the hub is not stopping.
Readiness CheckReadiness(const SessionRegistry& registry, bool stopping);

// JSON arrays; bytes, seconds, RFC 3339 times.
std::string SessionsJson(const std::vector<AgentPicture>& agents);
std::string ConnectionsJson(const std::vector<ConnectionPicture>& connections);

}  // namespace hawser::hub
