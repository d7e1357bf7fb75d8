// What OpenSSL has to say about a failure, in words. Never contains key material: the texts come
// from OpenSSL's tables, not from what was read.
//
// Threads: any; the error queue is the thread's.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace hawser::net {

// The reason of the oldest error in OpenSSL's queue, which is emptied: "wrong version number", or
// "refused by the peer: unknown ca" for an alert that the peer sent.
std::string TakeTlsReason();

// The same as a status, "what: reason". kUnauthenticated when it is about certificates, otherwise
// kUnavailable.
absl::Status TakeTlsError(const std::string& what);

}  // namespace hawser::net
