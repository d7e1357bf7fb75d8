#include "lib/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "lib/base/key_file.h"
#include "lib/base/status.h"
#include "lib/net/tls_error.h"
#include "lib/pki/anchors.h"
#include "lib/pki/certificate.h"
#include "lib/pki/digest.h"
#include "lib/pki/key_exchange.h"
#include "lib/pki/pem_file.h"

namespace hawser::net {
namespace {

// AES-128-GCM first: half again as fast as AES-256 where AES is in hardware.
constexpr char kTls13Suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kTls12Suites[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
// Of a peer's certificates: bytes, and how many. They stay with the connection, parsed at some
// 4 KiB each, and are looked at before anybody knows who sent them.
constexpr long kMostCertificateBytes = 16 * 1024;
constexpr int kMostCertificates = 8;
// Servers whose sessions a client remembers.
constexpr size_t kMaxSessions = 64;

// What OpenSSL calls a suite that it does not know.
constexpr char kNoCipher[] = "(NONE)";

std::string OpensslName(const std::string& iana_name) {
  const std::string name = OPENSSL_cipher_name(iana_name.c_str());
  // Go also takes the names of its first ChaCha20 suites, which leave out the hash.
  return name == kNoCipher ? OPENSSL_cipher_name((iana_name + "_SHA256").c_str()) : name;
}

// Where a connection's SSL keeps the name under which its sessions are remembered.
int ServerNameIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

absl::Status CheckFile(const std::string& what, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, "read " + what + " " + path);
}

absl::Status LoadError(const std::string& what, const std::string& path) {
  return absl::InvalidArgumentError("load " + what + " " + path + ": " + TakeTlsReason());
}

// An encrypted key is refused instead of asking for its password on the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

int VerifyFew(X509_STORE_CTX* verification, void*) {
  if (sk_X509_num(X509_STORE_CTX_get0_untrusted(verification)) <= kMostCertificates)
    return X509_verify_cert(verification);
  X509_STORE_CTX_set_error(verification, X509_V_ERR_CERT_CHAIN_TOO_LONG);
  return 0;
}

// A client that offers no protocol at all is told so before anything is computed for it.
int RequireAlpn(SSL* ssl, int* alert, void*) {
  const unsigned char* extension = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension,
                                &size) == 1)
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int SelectAlpn(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
               const unsigned char* offered, unsigned offered_size, void* argument) {
  const auto& ours = *static_cast<const std::string*>(argument);
  const int result = SSL_select_next_proto(const_cast<unsigned char**>(chosen), chosen_size,
                                           reinterpret_cast<const unsigned char*>(ours.data()),
                                           ours.size(), offered, offered_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

absl::StatusOr<int> ParseTlsVersion(const std::string& name) {
  for (const char* old : {"VersionTLS10", "VersionTLS11", "VersionTLS12"})
    if (name == old) return TLS1_2_VERSION;
  if (name == "VersionTLS13") return TLS1_3_VERSION;
  return absl::InvalidArgumentError("must be one of VersionTLS10 to VersionTLS13");
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Server(const TlsOptions& options) {
  if (options.files.certificate.empty())
    return absl::InvalidArgumentError("a tls server needs a certificate");
  // Both or neither: what was forgotten must not turn the check off.
  if (options.client_certificates && options.files.ca.empty())
    return absl::InvalidArgumentError("a tls server needs the ca of its clients");
  if (!options.client_certificates && !options.files.ca.empty())
    return absl::InvalidArgumentError("a tls server that asks for no certificates has no ca");
  return Make(true, options);
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Client(const TlsOptions& options) {
  if (options.files.ca.empty() && !options.system_roots)
    return absl::InvalidArgumentError("a tls client needs the ca of its servers");
  return Make(false, options);
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Make(bool server,
                                                             const TlsOptions& options) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> context(new TlsContext(server));
  HAWSER_RETURN_IF_ERROR(context->Configure(options));
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

absl::Status TlsContext::Configure(const TlsOptions& options) {
  context_ = SSL_CTX_new(server_ ? TLS_server_method() : TLS_client_method());
  if (context_ == nullptr) return absl::ResourceExhaustedError("tls: " + TakeTlsReason());
  SSL_CTX_set_min_proto_version(context_, options.min_version);
  pki::RestrictKeyExchange(context_);
  // Whether something is missing at the end is for the protocol above to say: HTTP/2 and TLS inside
  // the tunnel both know.
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
  // One read must end although a peer sends nothing but key updates.
  SSL_CTX_clear_mode(context_, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(context_, 1);
  const bool verify = !server_ || options.client_certificates;
  SSL_CTX_set_verify(
      context_,
      verify ? SSL_VERIFY_PEER | (server_ ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0) : SSL_VERIFY_NONE,
      &pki::AcceptAnyUsage);
  SSL_CTX_set_cert_verify_callback(context_, &VerifyFew, nullptr);
  // To a client it would also limit the names of authorities that a server takes.
  if (server_) SSL_CTX_set_max_cert_list(context_, kMostCertificateBytes);
  HAWSER_RETURN_IF_ERROR(SetCipherSuites(options.cipher_suites));
  if (verify) HAWSER_RETURN_IF_ERROR(LoadCa(options.files.ca));
  HAWSER_RETURN_IF_ERROR(LoadCertificate(options.files));
  SetAlpn(options);
  if (server_) return IssueTickets(options);
  KeepTickets();
  return absl::OkStatus();
}

absl::Status TlsContext::LoadCa(const std::string& path) {
  if (path.empty()) {
    if (SSL_CTX_set_default_verify_paths(context_) == 1) return absl::OkStatus();
    return absl::InternalError("load the system's cas: " + TakeTlsReason());
  }
  HAWSER_RETURN_IF_ERROR(CheckFile("ca", path));
  HAWSER_ASSIGN_OR_RETURN(const auto authorities, pki::Certificate::LoadAll(path));
  pki::SetAnchors(context_, authorities);
  std::set<std::string> fingerprints;
  for (const pki::Certificate& authority : authorities)
    fingerprints.insert(pki::FingerprintText(authority.get()));
  std::memcpy(&authorities_, pki::Sha256(absl::StrJoin(fingerprints, " ")).data(),
              sizeof authorities_);
  return absl::OkStatus();
}

absl::Status TlsContext::LoadCertificate(const TlsFiles& files) {
  if (files.certificate.empty()) return absl::OkStatus();
  HAWSER_RETURN_IF_ERROR(CheckFile("certificate", files.certificate));
  HAWSER_RETURN_IF_ERROR(base::CheckKeyFilePermissions(files.key));
  SSL_CTX_set_default_passwd_cb(context_, &NoPassword);
  if (SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str()) != 1)
    return LoadError("certificate", files.certificate);
  const bool taken =
      SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!taken && ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
    return LoadError("key", files.key);
  // A key of another kind than the certificate's is taken for one of a certificate to come.
  if (taken && SSL_CTX_check_private_key(context_) == 1) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError("load key " + files.key +
                                    ": it does not belong to certificate " + files.certificate);
}

absl::Status TlsContext::SetCipherSuites(const std::vector<std::string>& names) {
  SSL_CTX_set_ciphersuites(context_, kTls13Suites);
  std::string list;
  for (const std::string& name : names) {
    const std::string openssl_name = OpensslName(name);
    if (openssl_name == kNoCipher)
      return absl::InvalidArgumentError("unknown cipher suite " + name);
    if (openssl_name == name) continue;  // of TLS 1.3, where both have one name
    list += (list.empty() ? "" : ":") + openssl_name;
  }
  if (list.empty()) list = kTls12Suites;
  if (SSL_CTX_set_cipher_list(context_, list.c_str()) != 1)
    return absl::InvalidArgumentError("cipher suites " + list + ": " + TakeTlsReason());
  return absl::OkStatus();
}

void TlsContext::SetAlpn(const TlsOptions& options) {
  require_alpn_ = options.require_alpn;
  for (const std::string& protocol : options.alpn) {
    alpn_ += static_cast<char>(protocol.size());
    alpn_ += protocol;
  }
  if (server_) {
    if (require_alpn_) SSL_CTX_set_client_hello_cb(context_, &RequireAlpn, nullptr);
    SSL_CTX_set_alpn_select_cb(context_, &SelectAlpn, &alpn_);
  } else {
    SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(alpn_.data()),
                            static_cast<unsigned>(alpn_.size()));
  }
}

absl::Status TlsContext::IssueTickets(const TlsOptions& options) {
  const std::string id = pki::Sha256(options.session_context);
  SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 1);
  shared_ticket_keys_ = !options.ticket_keys.empty();
  if (shared_ticket_keys_) {
    std::string authorities;
    if (!options.files.ca.empty()) {
      HAWSER_ASSIGN_OR_RETURN(authorities, pki::ReadPemFile(options.files.ca));
    }
    HAWSER_ASSIGN_OR_RETURN(ticket_keys_,
                            TicketKeys::Load(options.ticket_keys, id + pki::Sha256(authorities)));
  } else {
    ticket_keys_ = TicketKeys::Random(nullptr);
  }
  SSL_CTX_set_app_data(context_, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(
      context_, [](SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int encrypt) {
        auto* self = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        return self->ticket_keys()->Use(ssl, name, iv, cipher, mac, encrypt);
      });
  return absl::OkStatus();
}

void TlsContext::RotateTicketKeys() {
  if (!server_ || shared_ticket_keys_) return;
  const std::lock_guard lock(mutex_);
  ticket_keys_ = TicketKeys::Random(ticket_keys_.get());
}

std::shared_ptr<const TicketKeys> TlsContext::ticket_keys() {
  const std::lock_guard lock(mutex_);
  return ticket_keys_;
}

void TlsContext::KeepTickets() {
  SSL_CTX_set_app_data(context_, this);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const auto* name = static_cast<const std::string*>(SSL_get_ex_data(ssl, ServerNameIndex()));
    if (name == nullptr) return 0;  // nobody is going to ask for it
    self->KeepSession(*name, SslSession(session));
    return 1;
  });
}

void TlsContext::NameSessions(SSL* ssl, const std::string& server_name) const {
  SSL_set_ex_data(ssl, ServerNameIndex(), const_cast<std::string*>(&server_name));
}

SslSession TlsContext::TakeSession(const std::string& server_name) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(server_name);
  if (found == sessions_.end()) return nullptr;
  if (SSL_SESSION_get_protocol_version(found->second.get()) >= TLS1_3_VERSION)
    return std::move(sessions_.extract(found).mapped());
  SSL_SESSION_up_ref(found->second.get());
  return SslSession(found->second.get());
}

void TlsContext::KeepSession(const std::string& server_name, SslSession session) {
  const std::lock_guard lock(mutex_);
  // Any other one may go: a client knows few servers, and a lost session costs one full handshake.
  if (sessions_.size() >= kMaxSessions && !sessions_.contains(server_name))
    sessions_.erase(sessions_.begin());
  sessions_[server_name] = std::move(session);
}

}  // namespace hawser::net
