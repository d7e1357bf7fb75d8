// Times as Kubernetes writes them (RFC 3339, UTC).
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace hawser::kube {

using WallTime = std::chrono::system_clock::time_point;

// "2026-08-01T10:00:00Z", with or without a fraction or an offset; none for anything else.
std::optional<WallTime> ParseTimestamp(const std::string& text);
// "2026-08-01T10:00:00.000000Z": what MicroTime fields take.
std::string FormatMicroTime(WallTime time);
// "2026-08-01T10:00:00Z": what Time fields take.
std::string FormatTime(WallTime time);

}  // namespace hawser::kube
