// Sends its standard input to a service inside a managed cluster, through the hub, and hangs up:
//
//   HAWSER_HUB=hub.example:8090 HAWSER_CA=ca.crt HAWSER_CERT=tls.crt HAWSER_KEY=tls.key
//       send inbox.default.svc.paris:9000 < report
#include <array>
#include <chrono>
#include <iostream>
#include <string>

#include "examples/environment.h"
#include "lib/client/dial_error.h"
#include "lib/client/dialer.h"

namespace client = hawser::client;

absl::Status Send(const std::string& address) {
  auto dialer = client::Dialer::Make(DialerOfEnvironment());
  if (!dialer.ok()) return dialer.status();
  absl::StatusOr<client::Stream> stream = (*dialer)->Dial(address);
  if (!stream.ok()) return stream.status();
  std::array<char, 16384> chunk;
  while (std::cin.read(chunk.data(), chunk.size()) || std::cin.gcount() > 0) {
    const absl::Status sent = stream->Write({chunk.data(), static_cast<size_t>(std::cin.gcount())});
    if (!sent.ok()) return sent;
  }
  stream->Close();
  // What is still on its way to the hub would be cut short by the dialer's end.
  if (!(*dialer)->Drain(std::chrono::minutes(2)))
    return absl::DeadlineExceededError("the service does not take all of it");
  if (const auto failed = stream->failure(); failed.has_value())
    return client::DialError("send to", address, *failed);
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  const absl::Status status =
      argc == 2 ? Send(argv[1]) : absl::InvalidArgumentError("usage: send NAME.CLUSTER:PORT");
  if (!status.ok()) std::cerr << "send: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
