// What the health and admin ports answer, as text.
#pragma once

#include <string>
#include <vector>

#include "spoke/picture.h"
#include "spoke/server_set.h"

namespace hawser::spoke {

struct Readiness {
  bool ready;
  std::string text;  // one line per server and condition
};

// Ready: linked to a server, and not stopping.
Readiness CheckReadiness(const ServerSet& servers, bool stopping);

// Prometheus' text format: Konnectivity's names where the thing exists there, `hawser_` ones beside
// them.
std::string MetricsText(const Picture& picture);

// A JSON array; bytes, seconds.
std::string ConnectionsJson(const std::vector<ConnectionPicture>& connections);

}  // namespace hawser::spoke
