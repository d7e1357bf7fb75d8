#include "examples/proxy_test_client/channel.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/socket_address.h"

namespace hawser::examples {
namespace {

// Of the last call that failed: OpenSSL's reason where it has one, the system's otherwise.
absl::Status LastError(const std::string& what) {
  const int error = errno;
  const unsigned long reason = ERR_peek_last_error();
  ERR_clear_error();
  if (reason != 0 && !ERR_SYSTEM_ERROR(reason)) {
    const char* const text = ERR_reason_error_string(reason);
    return absl::UnavailableError(what + ": " + (text != nullptr ? text : "unknown error"));
  }
  return base::ErrnoStatus(reason != 0 ? ERR_GET_REASON(reason) : error, what);
}

// Whom the certificate must name: a host, or an address in its own kind of SAN.
bool Expect(SSL* ssl, const std::string& host) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1) return true;
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

Channel FromDescriptor(int fd) { return Channel(BIO_new_socket(fd, BIO_CLOSE)); }

absl::StatusOr<Channel> ConnectTcp(const base::HostPort& address) {
  const std::string text = base::FormatHostPort(address);
  Channel channel(BIO_new_connect(text.c_str()));
  if (BIO_do_connect(channel.get()) != 1) return LastError("connect to " + text);
  return channel;
}

absl::StatusOr<Channel> ConnectUnix(const std::string& path) {
  HAWSER_ASSIGN_OR_RETURN(const sockaddr_un address, net::UnixAddress(path));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::ErrnoStatus(errno, "socket");
  Channel channel = FromDescriptor(fd);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return base::ErrnoStatus(errno, "connect to " + path);
  return channel;
}

absl::StatusOr<Channel> StartTls(Channel below, SSL_CTX* context, const std::string& host) {
  const std::string what = "TLS with " + host;
  Channel channel(BIO_new_ssl(context, /*client=*/1));
  SSL* ssl = nullptr;
  if (channel == nullptr || BIO_get_ssl(channel.get(), &ssl) != 1 || !Expect(ssl, host))
    return LastError(what);
  BIO_push(channel.get(), below.release());
  if (BIO_do_handshake(channel.get()) == 1) return channel;
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    ERR_clear_error();
    return absl::UnavailableError(what + ": " + X509_verify_cert_error_string(verdict));
  }
  return LastError(what);
}

absl::Status Write(BIO& channel, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    size_t count = 0;
    const bool written =
        BIO_write_ex(&channel, bytes.data() + sent, bytes.size() - sent, &count) == 1;
    if (!written && !BIO_should_retry(&channel)) return LastError("write");
    sent += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Read(BIO& channel, std::span<char> space) {
  size_t count = 0;
  do {
    errno = 0;
    if (BIO_read_ex(&channel, space.data(), space.size(), &count) == 1) return count;
  } while (BIO_should_retry(&channel));  // what came was not for us: a session ticket, a signal
  // The end of TLS, or of the socket.
  if (ERR_peek_last_error() == 0 && errno == 0) return 0;
  return LastError("read");
}

}  // namespace hawser::examples
