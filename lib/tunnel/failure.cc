#include "lib/tunnel/failure.h"

#include <utility>

namespace hawser::tunnel {

const char* ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kUnknown: return "unknown";
    case Reason::kNoAgent: return "no_agent";
    case Reason::kAgentLost: return "agent_lost";
    case Reason::kPolicyDenied: return "policy_denied";
    case Reason::kNameNotFound: return "name_not_found";
    case Reason::kRefused: return "refused";
    case Reason::kUnreachable: return "unreachable";
    case Reason::kTimedOut: return "timed_out";
    case Reason::kReset: return "reset";
    case Reason::kOverloaded: return "overloaded";
    case Reason::kProtocolError: return "protocol_error";
    case Reason::kCancelled: return "cancelled";
    case Reason::kLookupFailed: return "lookup_failed";
  }
  return "unknown";
}

const char* HopName(Hop hop) {
  switch (hop) {
    case Hop::kUnknown: return "unknown";
    case Hop::kClient: return "client";
    case Hop::kHub: return "hub";
    case Hop::kAgent: return "agent";
    case Hop::kTarget: return "target";
  }
  return "unknown";
}

int HttpStatus(Reason reason) {
  switch (reason) {
    case Reason::kPolicyDenied: return 403;
    case Reason::kNoAgent:
    case Reason::kOverloaded: return 503;
    case Reason::kTimedOut: return 504;
    default: return 502;
  }
}

Reason ReasonFromText(const std::string& text) {
  static constexpr std::pair<const char*, Reason> kPhrases[] = {
      {"connection refused", Reason::kRefused},   {"no such host", Reason::kNameNotFound},
      {"i/o timeout", Reason::kTimedOut},         {"deadline exceeded", Reason::kTimedOut},
      {"no route to host", Reason::kUnreachable}, {"network is unreachable", Reason::kUnreachable},
      {"connection reset", Reason::kReset},       {"No agent available", Reason::kNoAgent},
      {"no agent available", Reason::kNoAgent},   {"server misbehaving", Reason::kLookupFailed},
  };
  for (const auto& [phrase, reason] : kPhrases)
    if (text.find(phrase) != std::string::npos) return reason;
  return Reason::kUnknown;
}

std::string WireText(const std::string& text) {
  constexpr size_t kMax = 1024;
  std::string clean = text.substr(0, kMax);
  for (char& c : clean)
    if (c < ' ' || c > '~') c = '?';
  return clean;
}

Reason ReasonFromWire(int value) {
  const bool known = value >= 0 && value < static_cast<int>(kReasons);
  return known ? static_cast<Reason>(value) : Reason::kUnknown;
}

Hop HopFromWire(int value) {
  const bool known = value >= 0 && value <= static_cast<int>(Hop::kTarget);
  return known ? static_cast<Hop>(value) : Hop::kUnknown;
}

}  // namespace hawser::tunnel
