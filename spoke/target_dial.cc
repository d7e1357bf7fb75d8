#include "spoke/target_dial.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/net/socket_address.h"
#include "lib/tunnel/host_name.h"
#include "spoke/target_address.h"

namespace hawser::spoke {

using asio::ip::tcp;
using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

TargetDial::TargetDial(net::EventLoop& loop, net::Resolver& resolver, const void* asker,
                       const TargetRules& rules, Done done)
    : loop_(loop),
      resolver_(resolver),
      asker_(asker),
      rules_(rules),
      done_(std::move(done)),
      deadline_(loop.Now() + rules.timeout) {}

void TargetDial::Start(const std::string& protocol, const std::string& address) {
  if (protocol != "tcp") {
    Fail(Reason::kPolicyDenied, Hop::kAgent, "dial: only the protocol tcp is served");
    return;
  }
  const auto dialled = ParseTargetAddress(address);
  if (!dialled.ok()) {
    Fail(Reason::kProtocolError, Hop::kAgent, std::string(dialled.status().message()));
    return;
  }
  target_ = rules_.names.Find(*dialled);
  const std::string& host = target_.address.host;
  looked_up_ = host == dialled->host ? WithFinalDot(host, address) : host;
  query_ = resolver_.Resolve(
      looked_up_, rules_.timeout, [this](const auto& addresses) { OnResolved(addresses); }, asker_);
}

void TargetDial::OnResolved(const absl::StatusOr<std::vector<asio::ip::address>>& addresses) {
  const base::HostPort& target = target_.address;
  if (!addresses.ok()) {
    const Failure failure = LookUpFailure(addresses.status());
    Fail(failure.reason, failure.hop, failure.text);
    return;
  }
  std::vector<tcp::endpoint> endpoints;
  for (const asio::ip::address& address : *addresses)
    if (rules_.allow_list.Allows(target_.name, address, target.port))
      endpoints.emplace_back(net::Canonical(address), target.port);
  if (endpoints.empty()) {
    const std::string at = addresses->empty()
                               ? FormatHostPort(target)
                               : net::EndpointText(tcp::endpoint(addresses->front(), target.port));
    Fail(Reason::kPolicyDenied, Hop::kAgent, "dial tcp " + at + ": not allowed by the agent");
    return;
  }
  attempt_ = net::Connect(loop_, std::move(endpoints), deadline_ - loop_.Now(),
                          [this](absl::StatusOr<int> fd) { OnConnected(std::move(fd)); });
}

void TargetDial::OnConnected(absl::StatusOr<int> fd) {
  if (fd.ok()) {
    std::exchange(done_, nullptr)(net::MakePlainSocket(loop_, *fd), nullptr);
    return;
  }
  resolver_.Forget(looked_up_);
  const Failure failure = ConnectFailure(fd.status());
  Fail(failure.reason, failure.hop, failure.text);
}

void TargetDial::Fail(Reason reason, Hop hop, const std::string& text) {
  const Failure failure{reason, hop, text};
  std::exchange(done_, nullptr)(nullptr, &failure);  // may destroy this
}

Failure LookUpFailure(const absl::Status& status) {
  // "lookup web.default.svc: no such host"
  const std::string message(status.message());
  const std::string text = "dial tcp: " + message;
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return {Reason::kTimedOut, Hop::kAgent, text.substr(0, text.rfind(": ")) + ": i/o timeout"};
    case absl::StatusCode::kUnavailable: return {Reason::kLookupFailed, Hop::kAgent, text};
    case absl::StatusCode::kResourceExhausted: return {Reason::kOverloaded, Hop::kAgent, text};
    default: return {Reason::kNameNotFound, Hop::kAgent, text};
  }
}

Failure ConnectFailure(const absl::Status& status) {
  // "connect to 10.0.0.1:80: Connection refused"
  const std::string message(status.message());
  const size_t begin = message.starts_with("connect to ") ? sizeof("connect to ") - 1 : 0;
  const size_t end = message.rfind(": ");
  const std::string text = "dial tcp " + message.substr(begin, end - begin);
  if (absl::IsDeadlineExceeded(status))
    return {Reason::kTimedOut, Hop::kTarget, text + ": i/o timeout"};
  const std::string why = absl::AsciiStrToLower(message.substr(end + 2));
  // This process is out of descriptors.
  if (absl::IsResourceExhausted(status))
    return {Reason::kOverloaded, Hop::kAgent, text + ": socket: " + why};
  // All local ports towards this target are taken.
  if (base::ErrnoOf(status) == EADDRNOTAVAIL)
    return {Reason::kOverloaded, Hop::kAgent, text + ": connect: " + why};
  Reason reason = tunnel::ReasonFromText(why);
  if (reason == Reason::kUnknown) reason = Reason::kUnreachable;
  return {reason, Hop::kTarget, text + ": connect: " + why};
}

}  // namespace hawser::spoke
