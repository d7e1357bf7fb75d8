// Why a dial or a connection failed: one stable reason with one HTTP status, one metric label and
// well-known wording each.
#pragma once

#include <cstddef>
#include <string>

namespace hawser::tunnel {

// Values are those of hawser.wire.Reason (proto/hawser.proto).
enum class Reason {
  kUnknown = 0,         // the peer gave only text
  kNoAgent = 1,         // no session serves that name
  kAgentLost = 2,       // the session ended while it was needed
  kPolicyDenied = 3,    // hub policy or the spoke's allow-list said no
  kNameNotFound = 4,    // the spoke could not resolve the name
  kRefused = 5,         // the target refused
  kUnreachable = 6,     // no route to the target
  kTimedOut = 7,        // the target, or the agent, did not answer in time
  kReset = 8,           // the target or the client reset an open connection
  kOverloaded = 9,      // a limit was reached
  kProtocolError = 10,  // a peer broke the protocol
  kCancelled = 11,      // the dialler gave up
  kLookupFailed = 12,   // name servers gave the spoke no answer: there may be such a name
};

inline constexpr size_t kReasons = static_cast<size_t>(Reason::kLookupFailed) + 1;

// Which part of the path failed. Values are those of hawser.wire.Hop.
enum class Hop { kUnknown = 0, kClient = 1, kHub = 2, kAgent = 3, kTarget = 4 };

struct Failure {
  Reason reason = Reason::kUnknown;
  Hop hop = Hop::kUnknown;
  std::string text;  // for people; never parsed by our own code where `reason` is known

  bool operator==(const Failure&) const = default;
};

// The metric label and JSON value: "no_agent", "refused", ...
const char* ReasonName(Reason reason);
// "client", "hub", "agent", "target", "unknown".
const char* HopName(Hop hop);
// The status of a CONNECT answer: 403, 502, 503 or 504.
int HttpStatus(Reason reason);
// The best guess for peers that send only text (reference agents), from its well-known phrases.
Reason ReasonFromText(const std::string& text);
// `text` as it may travel in a packet: at most 1 KiB, and ASCII (a peer whose protobuf checks UTF-8
// would lose its whole session over one bad byte in a name).
std::string WireText(const std::string& text);
// The enum values of a received packet; what this version does not know becomes unknown.
Reason ReasonFromWire(int value);
Hop HopFromWire(int value);

}  // namespace hawser::tunnel
