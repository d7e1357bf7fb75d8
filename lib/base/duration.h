// Durations as Go writes them, which is how Konnectivity's flags spell them: "15s", "1h30m",
// "1.5s", "500ms".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"

namespace hawser::base {

// "0", or numbers that may have a fraction, each with its unit (ns, us, ms, s, m, h), in any order;
// a sign may stand first. Digits beyond a nanosecond are dropped. kInvalidArgument for anything
// else, and for more than 292 years.
absl::StatusOr<Duration> ParseDuration(const std::string& text);

// "1h30m0s", "1.5s", "300ms", "20µs", "0s": what Go prints, and ParseDuration() reads back.
std::string FormatDuration(Duration duration);

}  // namespace hawser::base
