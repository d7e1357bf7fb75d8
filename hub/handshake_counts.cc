#include "hub/handshake_counts.h"

namespace hawser::hub {

const char* HandshakeResultName(HandshakeResult result) {
  switch (result) {
    case HandshakeResult::kDone: return "done";
    case HandshakeResult::kFailed: return "failed";
    case HandshakeResult::kTimedOut: return "timed_out";
    case HandshakeResult::kDisplaced: return "displaced";
    case HandshakeResult::kNoPlace: return "no_place";
    case HandshakeResult::kFailures: return "failures";
  }
  return "unknown";
}

}  // namespace hawser::hub
