#include "lib/kube/timestamp.h"

#include "absl/time/time.h"

namespace hawser::kube {
namespace {

std::string Format(const char* format, WallTime time) {
  return absl::FormatTime(format, absl::FromChrono(time), absl::UTCTimeZone());
}

}  // namespace

std::optional<WallTime> ParseTimestamp(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return std::nullopt;
  // What the system clock can hold; "infinite-future" parses, too.
  const absl::Time last = absl::FromChrono(WallTime::max());
  if (time < absl::UnixEpoch() || time > last) return std::nullopt;
  return absl::ToChronoTime(time);
}

std::string FormatMicroTime(WallTime time) { return Format("%Y-%m-%dT%H:%M:%E6SZ", time); }

std::string FormatTime(WallTime time) { return Format("%Y-%m-%dT%H:%M:%SZ", time); }

}  // namespace hawser::kube
