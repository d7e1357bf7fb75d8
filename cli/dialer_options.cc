#include "cli/dialer_options.h"

#include "lib/base/duration.h"
#include "lib/base/status.h"

namespace hawser::cli {

absl::StatusOr<std::unique_ptr<client::Dialer>> MakeDialer(const GlobalOptions& global) {
  if (global.hub.empty())
    return absl::InvalidArgumentError(
        "no hub is named: want --hub or the environment's HAWSER_HUB");
  return client::Dialer::Make(
      {.hub = global.hub, .tls = {global.certificate, global.key, global.ca}});
}

absl::StatusOr<client::DialOptions> ParseDialOptions(const std::string& timeout) {
  client::DialOptions options;
  const auto parsed = base::ParseDuration(timeout);
  if (!parsed.ok()) return base::Annotate(parsed.status(), "--timeout");
  if (*parsed <= base::Duration::zero())
    return absl::InvalidArgumentError("--timeout " + timeout + ": nothing would have time");
  options.timeout = *parsed;
  return options;
}

}  // namespace hawser::cli
