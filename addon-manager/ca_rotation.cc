#include "addon-manager/ca_rotation.h"

#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

using Phase = CaRotation::Phase;

constexpr std::array kPhases = {Phase::kStable,      Phase::kPrepare, Phase::kTrustBoth,
                                Phase::kSignWithNew, Phase::kRetire,  Phase::kRollBack};

CaRotation Enter(CaRotation state, Phase phase, pki::WallTime now) {
  state.phase = phase;
  state.since = now;
  return state;
}

CaRotation Swapped(CaRotation state) {
  std::swap(state.active, *state.other);
  return state;
}

CaRotation WithoutOther(CaRotation state) {
  state.other.reset();
  return state;
}

absl::StatusOr<bool> IsDue(const CaRotation& state, const RotationFacts& facts, pki::WallTime now) {
  if (!facts.request.empty() && facts.request != state.request) return true;
  HAWSER_ASSIGN_OR_RETURN(const auto certificate,
                          pki::Certificate::FromPem(state.active.certificate));
  return certificate.not_after() - now < facts.renew_before;
}

absl::StatusOr<std::string> Need(const std::map<std::string, std::string>& data,
                                 const std::string& key) {
  const auto found = data.find(key);
  if (found == data.end() || found->second.empty())
    return absl::InvalidArgumentError("authority's secret: no " + key);
  return found->second;
}

}  // namespace

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kStable: return "Stable";
    case Phase::kPrepare: return "Prepare";
    case Phase::kTrustBoth: return "TrustBoth";
    case Phase::kSignWithNew: return "SignWithNew";
    case Phase::kRetire: return "Retire";
    case Phase::kRollBack: return "RollBack";
  }
  return "Unknown";
}

std::string CaRotation::Bundle() const {
  const bool both =
      phase == Phase::kTrustBoth || phase == Phase::kSignWithNew || phase == Phase::kRollBack;
  return active.certificate + (both && other ? other->certificate : "");
}

absl::StatusOr<CaRotation> Advance(const CaRotation& state, const RotationFacts& facts,
                                   pki::WallTime now,
                                   const std::function<absl::StatusOr<CaRotation::Pair>()>& make) {
  if (state.phase != Phase::kStable && !state.other)
    return absl::FailedPreconditionError(std::string("rotation in phase ") +
                                         PhaseName(state.phase) + " without a second authority");
  switch (state.phase) {
    case Phase::kStable: {
      HAWSER_ASSIGN_OR_RETURN(const bool due, IsDue(state, facts, now));
      if (!due) return state;
      CaRotation next = Enter(state, Phase::kPrepare, now);
      HAWSER_ASSIGN_OR_RETURN(next.other, make());
      next.request = facts.request;
      return next;
    }
    case Phase::kPrepare:
      // Stored by now, or this state would not be known.
      if (facts.roll_back) return Enter(WithoutOther(state), Phase::kStable, now);
      return Enter(state, Phase::kTrustBoth, now);
    case Phase::kTrustBoth:
      // The new one has signed nothing yet.
      if (facts.roll_back) return Enter(WithoutOther(state), Phase::kStable, now);
      return facts.bundle_delivered ? Enter(Swapped(state), Phase::kSignWithNew, now) : state;
    case Phase::kSignWithNew:
      if (facts.roll_back) return Enter(Swapped(state), Phase::kRollBack, now);
      return facts.other_leaves_alive ? state : Enter(state, Phase::kRetire, now);
    case Phase::kRetire:
      return facts.bundle_delivered ? Enter(WithoutOther(state), Phase::kStable, now) : state;
    case Phase::kRollBack:
      return facts.other_leaves_alive ? state : Enter(WithoutOther(state), Phase::kStable, now);
  }
  return state;
}

std::map<std::string, std::string> ToSecretData(const CaRotation& state) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(state.since.time_since_epoch()).count();
  std::map<std::string, std::string> data = {{"phase", PhaseName(state.phase)},
                                             {"since", std::to_string(seconds)},
                                             {"request", state.request},
                                             {"active.crt", state.active.certificate},
                                             {"active.key", state.active.key}};
  if (state.other) {
    data["other.crt"] = state.other->certificate;
    data["other.key"] = state.other->key;
  }
  return data;
}

absl::StatusOr<CaRotation> FromSecretData(const std::map<std::string, std::string>& data) {
  CaRotation state;
  HAWSER_ASSIGN_OR_RETURN(const std::string name, Need(data, "phase"));
  bool known = false;
  for (const Phase phase : kPhases) {
    if (name != PhaseName(phase)) continue;
    state.phase = phase;
    known = true;
  }
  if (!known) return absl::InvalidArgumentError("authority's secret: phase is unknown");
  HAWSER_ASSIGN_OR_RETURN(const std::string since, Need(data, "since"));
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(since, &seconds))
    return absl::InvalidArgumentError("authority's secret: since is no number");
  state.since = pki::WallTime(std::chrono::seconds(seconds));
  HAWSER_ASSIGN_OR_RETURN(state.active.certificate, Need(data, "active.crt"));
  HAWSER_ASSIGN_OR_RETURN(state.active.key, Need(data, "active.key"));
  if (const auto request = data.find("request"); request != data.end())
    state.request = request->second;
  if (data.contains("other.crt")) {
    state.other.emplace();
    HAWSER_ASSIGN_OR_RETURN(state.other->certificate, Need(data, "other.crt"));
    HAWSER_ASSIGN_OR_RETURN(state.other->key, Need(data, "other.key"));
  }
  return state;
}

}  // namespace hawser::addon_manager
