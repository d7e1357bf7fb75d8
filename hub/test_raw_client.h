// A blocking client that sends the bytes it is told: over TLS, plain TCP or a Unix socket.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "lib/net/tls_context.h"

namespace hawser::hub {

class RawClient {
 public:
  // Plain TCP to this machine.
  explicit RawClient(uint16_t port);
  explicit RawClient(const std::string& unix_path);
  // TLS; `alpn` may be empty. The handshake may fail: see ok().
  RawClient(uint16_t port, const net::TlsFiles& files, const std::string& alpn);
  // The same with a context that may know a session of the hub's.
  RawClient(uint16_t port, std::shared_ptr<net::TlsContext> context);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  bool ok() const { return ok_; }
  bool resumed() const { return SSL_session_reused(ssl_) == 1; }
  void Send(const std::string& bytes);
  void FinishSending();
  // Waits until the hub has read what was sent, which Unix sockets alone tell; false after 20 s.
  bool AwaitRead();
  // Whether there is anything to be read now, an end included.
  bool Readable() const;
  // Reads until `end` was read; what came before the connection ended otherwise.
  std::string ReadUntil(const std::string& end);
  std::string ReadToEnd() { return ReadUntil(""); }

 private:
  int ReadSome(char* buffer, int size);

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::shared_ptr<net::TlsContext> context_;
  bool ok_ = true;
};

}  // namespace hawser::hub
