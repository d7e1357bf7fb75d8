// A blocking byte channel, as a chain of OpenSSL's BIOs: a socket, TLS over it, and TLS over that.
//
//   HAWSER_ASSIGN_OR_RETURN(Channel proxy, ConnectTcp({"hub.example", 8090}));
//   HAWSER_ASSIGN_OR_RETURN(proxy, StartTls(std::move(proxy), context, "hub.example"));
//
// Threads: one at a time.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/host_port.h"

namespace hawser::examples {

struct BioFree {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
// Closes its socket when it goes.
using Channel = std::unique_ptr<BIO, BioFree>;

// Takes ownership of `fd`, a blocking stream socket.
Channel FromDescriptor(int fd);
absl::StatusOr<Channel> ConnectTcp(const base::HostPort& address);
absl::StatusOr<Channel> ConnectUnix(const std::string& path);
// A client's handshake over `below`; `host` is what the server's certificate must name.
absl::StatusOr<Channel> StartTls(Channel below, SSL_CTX* context, const std::string& host);

absl::Status Write(BIO& channel, const std::string& bytes);
// Blocks until there is something; 0: the peer finished sending.
absl::StatusOr<size_t> Read(BIO& channel, std::span<char> space);

}  // namespace hawser::examples
