// Gets a page from a service inside a managed cluster, through the hub:
//
//   HAWSER_HUB=hub.example:8090 HAWSER_CA=ca.crt HAWSER_CERT=tls.crt HAWSER_KEY=tls.key
//       fetch web.default.svc.paris:80 /
#include <array>
#include <iostream>
#include <string>

#include "examples/environment.h"
#include "lib/client/dialer.h"

namespace client = hawser::client;

absl::Status Fetch(const std::string& address, const std::string& path) {
  auto dialer = client::Dialer::Make(DialerOfEnvironment());
  if (!dialer.ok()) return dialer.status();
  absl::StatusOr<client::Stream> stream = (*dialer)->Dial(address);
  if (!stream.ok()) return stream.status();
  const absl::Status sent = stream->Write("GET " + path + " HTTP/1.0\r\nHost: " + address +
                                          "\r\nConnection: close\r\n\r\n");
  if (!sent.ok()) return sent;
  std::array<char, 16384> chunk;
  for (;;) {
    const absl::StatusOr<size_t> bytes = stream->Read(chunk);
    if (!bytes.ok() || *bytes == 0) return bytes.status();
    std::cout.write(chunk.data(), static_cast<std::streamsize>(*bytes)).flush();
  }
}

int main(int argc, char** argv) {
  const absl::Status status =
      argc == 3 ? Fetch(argv[1], argv[2])
                : absl::InvalidArgumentError("usage: fetch NAME.CLUSTER:PORT PATH");
  if (!status.ok()) std::cerr << "fetch: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
