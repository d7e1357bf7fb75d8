// One tunnel on the hub's front end: a /ProxyService/Proxy stream that dials once and carries that
// connection. Works with Konnectivity's servers as well, which accept no features.
//
// Threads: the loop of the stream. The transport owns it.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "lib/tunnel/dialing_session.h"

namespace hawser::client {

class ClientSession final : public tunnel::DialingSession {
 public:
  static constexpr char kMethod[] = "/ProxyService/Proxy";

  // `hub` is for error texts. `accepted` runs when the hub turned out to be one of ours.
  ClientSession(std::string hub, base::Closure accepted);

  // The offer that belongs into the request's headers.
  net::Metadata RequestHeaders() const;

  // Once, after the stream was opened. `done` as in StartDial(); when it reports a failure the
  // stream ends by itself. `early` (at most kMaxEarlySent bytes) goes with the dial; the hub has
  // taken it when features().early is set in the endpoint's OnOpen().
  void Dial(const std::string& address, base::Duration timeout, std::string early,
            std::shared_ptr<tunnel::Endpoint> endpoint, DialDone done);
  // The hub has said something.
  bool answered() const { return answered_; }
  // Before `done`, which then does not run: ends the stream and what the dial may have opened.
  void Cancel();

  // net::StreamHandler
  void OnHeaders(const net::Metadata& headers) override;

 protected:
  tunnel::Failure LostFailure(const absl::Status& status) const override;
  void OnConnectionEnded(tunnel::Connection& connection) override;
  void OnClosesSent() override { FinishStream(); }

 private:
  // Half-closes once everything is said; the hub then ends the stream.
  void FinishStream();

  const std::string hub_;
  base::Closure accepted_;
  bool answered_ = false;
  DialId dial_ = 0;
};

}  // namespace hawser::client
