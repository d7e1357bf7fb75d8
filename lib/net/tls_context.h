// What a side of TLS brings along: its certificate, the CA that it believes, its rules. Immutable
// but for keys of session tickets; a reload makes a new one for new handshakes.
//
// Threads: any (OpenSSL's SSL_CTX is shared by connections on all loops).
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/net/ticket_keys.h"

namespace hawser::net {

// Paths of PEM files.
struct TlsFiles {
  std::string certificate;  // leaf first, then intermediates
  std::string key;          // refused when group or others may access it
  std::string ca;           // may hold several
};

struct TlsOptions {
  TlsFiles files;
  // Client: without files.ca, the system's CAs are believed.
  bool system_roots = false;
  // Protocols in the order of preference. A peer that offers some, but none of these, is refused.
  std::vector<std::string> alpn = {"h2"};
  // Peers that do not agree on a protocol at all are refused.
  bool require_alpn = true;
  int min_version = TLS1_2_VERSION;
  // IANA names of suites for TLS 1.2; empty: those that are sound. TLS 1.3's names have no effect.
  std::vector<std::string> cipher_suites;
  // Server: false lets in whoever comes, and asks nobody for a certificate; for protocols that know
  // their peers otherwise. Such a server has no files.ca.
  bool client_certificates = true;
  // Server: sessions are resumed only under the same context (one per port), and by peers of the
  // same files.ca.
  std::string session_context = "hawser";
  // Server: a file of keys for session tickets (ticket_keys.h), by which the servers that share it
  // resume each other's sessions. Empty: this context's own, by which nobody else does.
  std::string ticket_keys;
};

// "VersionTLS10" to "VersionTLS13", as Konnectivity's flags spell them, for
// TlsOptions::min_version. 1.0 and 1.1 are not spoken (RFC 8996): the least is 1.2 then.
absl::StatusOr<int> ParseTlsVersion(const std::string& name);

struct SslSessionFree {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SslSession = std::unique_ptr<SSL_SESSION, SslSessionFree>;

class TlsContext {
 public:
  // Both sides verify each other: a server refuses clients without a certificate of `files.ca`,
  // unless told not to ask for any.
  // A client without `files.certificate` shows none. Errors name the file and what is wrong.
  static absl::StatusOr<std::shared_ptr<TlsContext>> Server(const TlsOptions& options);
  static absl::StatusOr<std::shared_ptr<TlsContext>> Client(const TlsOptions& options);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  bool server() const { return server_; }
  bool require_alpn() const { return require_alpn_; }
  // Stands for what is in files.ca: equal for contexts that believe the same.
  uint64_t authorities() const { return authorities_; }
  SSL_CTX* get() const { return context_; }

  // Server, without a file of keys for session tickets: a new one for tickets from now on. Those of
  // the last one stay good.
  void RotateTicketKeys();

  // Client: sessions that `ssl` is given are kept under `server_name`, which outlives it.
  void NameSessions(SSL* ssl, const std::string& server_name) const;
  // Client: the newest session with that server, to resume; null when there is none. A session of
  // TLS 1.3 is handed out once, so that its ticket links no two connections (RFC 8446, C.4).
  SslSession TakeSession(const std::string& server_name);

 private:
  explicit TlsContext(bool server) : server_(server) {}
  static absl::StatusOr<std::shared_ptr<TlsContext>> Make(bool server, const TlsOptions& options);
  absl::Status Configure(const TlsOptions& options);
  absl::Status LoadCa(const std::string& path);
  absl::Status LoadCertificate(const TlsFiles& files);
  absl::Status SetCipherSuites(const std::vector<std::string>& names);
  void SetAlpn(const TlsOptions& options);
  absl::Status IssueTickets(const TlsOptions& options);
  std::shared_ptr<const TicketKeys> ticket_keys();
  void KeepTickets();
  void KeepSession(const std::string& server_name, SslSession session);

  const bool server_;
  SSL_CTX* context_ = nullptr;
  std::string alpn_;  // in wire format
  bool require_alpn_ = true;
  uint64_t authorities_ = 0;
  bool shared_ticket_keys_ = false;
  std::mutex mutex_;
  std::shared_ptr<const TicketKeys> ticket_keys_;  // of a server; guarded by mutex_
  std::map<std::string, SslSession> sessions_;     // guarded by mutex_
};

}  // namespace hawser::net
