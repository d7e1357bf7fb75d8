// The side of a session that opens connections on request: the agent towards a hub, and the hub's
// gRPC front end towards its client.
#pragma once

#include <memory>
#include <string>

#include "lib/tunnel/session.h"

namespace hawser::tunnel {

// One dial being worked on. Dropping it without an answer rejects it as cancelled by us.
class DialedSession : public Session {
 public:
  struct Request {
    int64_t dial_id;       // DialRequest.random
    std::string address;
    std::string protocol;
    std::string early;     // already received first bytes; the session delivers them to the endpoint after Accept()
  };
  explicit DialedSession(const SessionOptions& options);

  // Answers a request: exactly one of them, in a call of the scheduler's thread, now or later. Unknown dial ids
  // (cancelled meanwhile) are ignored: Accept() then closes the endpoint with kCancelled.
  void AcceptDial(int64_t dial_id, std::shared_ptr<Endpoint> endpoint);
  void RejectDial(int64_t dial_id, const Failure& failure);
  // Tells the peer to dial elsewhere.
  void SendDrain();

 protected:
  virtual void OnDial(Request request) = 0;
  // The peer gave up, or the session is closing: stop working on it; no answer is owed.
  virtual void OnDialCancelled(int64_t dial_id) = 0;
};

}  // namespace hawser::tunnel
