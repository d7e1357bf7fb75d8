#include "lib/client/dial_error.h"

#include "absl/strings/cord.h"
#include "lib/base/host_port.h"
#include "lib/tunnel/cluster_name.h"
#include "proto/hawser.pb.h"

namespace hawser::client {
namespace {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

// The payload is the message that carries the same facts on the wire.
constexpr char kPayload[] = "type.googleapis.com/hawser.wire.DialResponse";

absl::StatusCode CodeOf(Reason reason) {
  switch (reason) {
    case Reason::kNoAgent:
    case Reason::kAgentLost:
    case Reason::kRefused:
    case Reason::kUnreachable:
    case Reason::kLookupFailed:
    case Reason::kReset: return absl::StatusCode::kUnavailable;
    case Reason::kPolicyDenied: return absl::StatusCode::kPermissionDenied;
    case Reason::kNameNotFound: return absl::StatusCode::kNotFound;
    case Reason::kTimedOut: return absl::StatusCode::kDeadlineExceeded;
    case Reason::kOverloaded: return absl::StatusCode::kResourceExhausted;
    case Reason::kProtocolError: return absl::StatusCode::kInternal;
    case Reason::kCancelled: return absl::StatusCode::kCancelled;
    case Reason::kUnknown: break;
  }
  return absl::StatusCode::kUnknown;
}

std::string Where(const Failure& failure, const std::string& cluster) {
  std::string where;
  if (failure.hop != Hop::kUnknown) where = std::string(" at the ") + HopName(failure.hop);
  const bool inside = failure.hop == Hop::kAgent || failure.hop == Hop::kTarget;
  if (inside && !cluster.empty()) where += " in cluster " + cluster;
  return where;
}

}  // namespace

absl::Status DialError(const std::string& what, const std::string& address,
                       const Failure& failure) {
  absl::Status status(CodeOf(failure.reason), what + " " + address + ": " + failure.text + " (" +
                                                  ReasonName(failure.reason) +
                                                  Where(failure, ClusterOf(address)) + ")");
  wire::DialResponse payload;
  payload.set_error(failure.text);
  payload.set_reason(static_cast<wire::Reason>(failure.reason));
  payload.set_hop(static_cast<wire::Hop>(failure.hop));
  status.SetPayload(kPayload, absl::Cord(payload.SerializeAsString()));
  return status;
}

std::optional<Failure> FailureOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  wire::DialResponse fields;
  if (!payload.has_value() || !fields.ParseFromString(std::string(*payload))) return std::nullopt;
  return Failure{tunnel::ReasonFromWire(fields.reason()), tunnel::HopFromWire(fields.hop()),
                 fields.error()};
}

bool Unavailable(const Failure& failure) {
  if (failure.reason == Reason::kNoAgent || failure.reason == Reason::kAgentLost) return true;
  return failure.hop == Hop::kHub &&
         (failure.reason == Reason::kUnreachable || failure.reason == Reason::kReset ||
          failure.reason == Reason::kTimedOut || failure.reason == Reason::kOverloaded);
}

std::string ClusterOf(const std::string& address) {
  const auto parsed = base::ParseHostPort(address);
  if (!parsed.ok()) return "";
  const auto target = tunnel::ParseTarget(parsed->host, "");
  return target.has_value() ? target->cluster : "";
}

}  // namespace hawser::client
