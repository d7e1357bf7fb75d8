#include "cli/command.h"
#include "lib/client/dial_error.h"

namespace hawser::cli {

int ExitCode(const absl::Status& status) {
  if (status.ok()) return kOk;
  if (const auto failure = client::FailureOf(status); failure.has_value())
    return client::Unavailable(*failure) ? kUnavailable : kFailure;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument: return kBadUsage;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable: return kUnavailable;
    default: return kFailure;
  }
}

}  // namespace hawser::cli
