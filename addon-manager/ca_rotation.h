// The life of a certificate authority: used, and replaced by overlap, one named phase at a time.
//
//   Stable        one authority; nothing is under way
//   Prepare       the next authority is made and stored, nobody knows it yet
//   TrustBoth     both are in every bundle; the old one signs
//   SignWithNew   the new one signs; the old one is trusted until its last leaf is gone
//   Retire        the old one is taken out of every bundle; from here there is no way back
//   RollBack      the old one signs again; the new one is trusted until its last leaf is gone
//
// Pure: the state, what is known of the world and the time in, the next state out. It is stored
// after each step and before anything acts on it, so a crash repeats a step, and never skips one.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/pki/certificate.h"

namespace hawser::addon_manager {

struct CaRotation {
  enum class Phase { kStable, kPrepare, kTrustBoth, kSignWithNew, kRetire, kRollBack };
  struct Pair {
    std::string certificate;  // PEM
    std::string key;          // PEM; a secret
    bool operator==(const Pair&) const = default;
  };

  Phase phase = Phase::kStable;
  pki::WallTime since;        // of the phase
  Pair active;                // signs
  std::optional<Pair> other;  // trusted beside it from TrustBoth on; known from Prepare on
  std::string request;        // the last wish for a rotation that was heeded

  // What agents, clients or servers are to trust: PEM, the active one first.
  std::string Bundle() const;
  bool operator==(const CaRotation&) const = default;
};

const char* PhaseName(CaRotation::Phase phase);

// What the world looks like. All of it is looked up afresh for each step.
struct RotationFacts {
  // A rotation begins when less than this is left of the active authority's life.
  std::chrono::seconds renew_before{0};
  // The operator's annotations: a rotation begins when `request` is new and not empty.
  std::string request;
  bool roll_back = false;
  // Everybody who checks certificates has had Bundle() for long enough.
  bool bundle_delivered = false;
  // Leaves of the authority that does not sign are still in use.
  bool other_leaves_alive = false;
};

// One step, or the same state when there is nothing to do yet. `make` creates a new authority.
// kFailedPrecondition when the stored state cannot be (a phase without its second authority).
absl::StatusOr<CaRotation> Advance(const CaRotation& state, const RotationFacts& facts,
                                   pki::WallTime now,
                                   const std::function<absl::StatusOr<CaRotation::Pair>()>& make);

// As the data of a Secret, and back. kInvalidArgument naming the key that is missing or malformed.
std::map<std::string, std::string> ToSecretData(const CaRotation& state);
absl::StatusOr<CaRotation> FromSecretData(const std::map<std::string, std::string>& data);

}  // namespace hawser::addon_manager
