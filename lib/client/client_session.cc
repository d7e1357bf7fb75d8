#include "lib/client/client_session.h"

#include <utility>

namespace hawser::client {
namespace {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

tunnel::SessionOptions Options() {
  tunnel::SessionOptions options;
  options.one_connection = true;
  return options;
}

// What the end of a call says about the hub.
Reason ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated: return Reason::kPolicyDenied;
    case absl::StatusCode::kResourceExhausted: return Reason::kOverloaded;
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kInvalidArgument: return Reason::kProtocolError;
    case absl::StatusCode::kDeadlineExceeded: return Reason::kTimedOut;
    default: return Reason::kReset;
  }
}

}  // namespace

ClientSession::ClientSession(std::string hub, base::Closure accepted)
    : DialingSession(Options()), hub_(std::move(hub)), accepted_(std::move(accepted)) {}

net::Metadata ClientSession::RequestHeaders() const {
  net::Metadata headers;
  OfferFeatures(headers);
  return headers;
}

void ClientSession::Dial(const std::string& address, base::Duration timeout, std::string early,
                         std::shared_ptr<tunnel::Endpoint> endpoint, DialDone done) {
  dial_ = StartDial({.address = address, .early = std::move(early), .timeout = timeout},
                    std::move(endpoint),
                    [this, done = std::move(done)](const Failure* failure) mutable {
                      if (failure == nullptr) return done(nullptr);
                      FinishStream();
                      const Failure silent{Reason::kTimedOut, Hop::kHub,
                                           "hub " + hub_ + " did not answer in time"};
                      done(failure->reason == Reason::kTimedOut && !answered_ ? &silent : failure);
                    });
}

void ClientSession::Cancel() {
  CancelDial(dial_);
  FinishStream();
}

void ClientSession::OnHeaders(const net::Metadata& headers) {
  DialingSession::OnHeaders(headers);
  answered_ = true;
  if (features().any()) accepted_();
}

Failure ClientSession::LostFailure(const absl::Status& status) const {
  return {ReasonOf(status), Hop::kHub,
          "hub " + hub_ + " ended the stream: " + std::string(status.message())};
}

// A server of Konnectivity's takes the end of the stream for the connection's.
void ClientSession::OnConnectionEnded(tunnel::Connection&) {
  if (!closes_due()) FinishStream();
}

void ClientSession::FinishStream() {
  if (stream() != nullptr) stream()->Finish(absl::OkStatus());
}

}  // namespace hawser::client
