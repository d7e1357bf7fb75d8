#include "lib/net/tls_context.h"

#include <openssl/err.h>
#include <sys/stat.h>

#include <cstring>
#include <utility>

#include "lib/base/status.h"

namespace hawser::net {
namespace {

// AES-128-GCM first: half again as fast as AES-256 where AES is in hardware.
constexpr char kTls13Suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// Records of one read turn come with one system call.
constexpr size_t kReadAhead = 128 * 1024;
// Servers whose sessions a client remembers.
constexpr size_t kMaxSessions = 64;

// Where a connection's SSL keeps the name under which its sessions are remembered.
int ServerNameIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

absl::Status CheckKeyFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return base::ErrnoStatus(errno, "read key " + path);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError("key " + path +
                                         " is accessible to group or others: chmod 600 it");
  }
  return absl::OkStatus();
}

absl::Status LoadError(const std::string& what, const std::string& path) {
  return absl::InvalidArgumentError("load " + what + " " + path + ": " + TakeTlsError());
}

absl::Status CheckReadable(const std::string& what, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, "read " + what + " " + path);
}

}  // namespace

std::string TakeTlsError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "connection closed";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Server(const TlsOptions& options) {
  if (options.files.certificate.empty())
    return absl::InvalidArgumentError("a tls server needs a certificate");
  if (options.files.ca.empty())
    return absl::InvalidArgumentError("a tls server needs the ca of its clients");
  return Make(true, options);
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Client(const TlsOptions& options) {
  if (options.files.ca.empty())
    return absl::InvalidArgumentError("a tls client needs the ca of its servers");
  return Make(false, options);
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Make(bool server,
                                                             const TlsOptions& options) {
  std::shared_ptr<TlsContext> context(new TlsContext(server));
  HAWSER_RETURN_IF_ERROR(context->Configure(options));
  return context;
}

TlsContext::~TlsContext() {
  for (auto& [name, session] : sessions_) SSL_SESSION_free(session);
  SSL_CTX_free(context_);
}

absl::Status TlsContext::Configure(const TlsOptions& options) {
  context_ = SSL_CTX_new(server_ ? TLS_server_method() : TLS_client_method());
  if (context_ == nullptr) return absl::ResourceExhaustedError("tls: " + TakeTlsError());
  SSL_CTX_set_min_proto_version(context_, options.min_version);
  SSL_CTX_set_ciphersuites(context_, kTls13Suites);
  SSL_CTX_set_options(
      context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_default_read_buffer_len(context_, kReadAhead);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | (server_ ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  HAWSER_RETURN_IF_ERROR(SetCipherSuites(options.cipher_suites));
  HAWSER_RETURN_IF_ERROR(LoadFiles(options.files));
  SetAlpn(options);
  if (server_) {
    const std::string id = options.session_context.substr(0, SSL_MAX_SID_CTX_LENGTH);
    SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>(id.data()),
                                   id.size());
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);  // tickets only
    SSL_CTX_set_num_tickets(context_, 1);
  } else {
    SSL_CTX_set_app_data(context_, this);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
      auto* self = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      const auto* name = static_cast<const std::string*>(SSL_get_ex_data(ssl, ServerNameIndex()));
      if (name == nullptr) return 0;
      self->KeepSession(*name, session);
      return 1;
    });
  }
  return absl::OkStatus();
}

absl::Status TlsContext::LoadFiles(const TlsFiles& files) {
  HAWSER_RETURN_IF_ERROR(CheckReadable("ca", files.ca));
  if (SSL_CTX_load_verify_locations(context_, files.ca.c_str(), nullptr) != 1)
    return LoadError("ca", files.ca);
  if (files.certificate.empty()) return absl::OkStatus();
  HAWSER_RETURN_IF_ERROR(CheckReadable("certificate", files.certificate));
  HAWSER_RETURN_IF_ERROR(CheckKeyFile(files.key));
  if (SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str()) != 1)
    return LoadError("certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return LoadError("key", files.key);
  return absl::OkStatus();
}

absl::Status TlsContext::SetCipherSuites(const std::vector<std::string>& names) {
  if (names.empty()) return absl::OkStatus();
  std::string list;
  for (const std::string& name : names) {
    const char* openssl_name = OPENSSL_cipher_name(name.c_str());
    if (openssl_name == nullptr || std::strcmp(openssl_name, "(NONE)") == 0)
      return absl::InvalidArgumentError("unknown cipher suite " + name);
    list += (list.empty() ? "" : ":") + std::string(openssl_name);
  }
  if (SSL_CTX_set_cipher_list(context_, list.c_str()) != 1)
    return absl::InvalidArgumentError("cipher suites " + list + ": " + TakeTlsError());
  return absl::OkStatus();
}

void TlsContext::SetAlpn(const TlsOptions& options) {
  require_alpn_ = options.require_alpn;
  for (const std::string& protocol : options.alpn) {
    alpn_ += static_cast<char>(protocol.size());
    alpn_ += protocol;
  }
  const auto* wire = reinterpret_cast<const unsigned char*>(alpn_.data());
  if (!server_) {
    SSL_CTX_set_alpn_protos(context_, wire, alpn_.size());
    return;
  }
  SSL_CTX_set_alpn_select_cb(
      context_,
      [](SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
         unsigned in_size, void* argument) {
        const auto& ours = *static_cast<const std::string*>(argument);
        const int chosen = SSL_select_next_proto(
            const_cast<unsigned char**>(out), out_size,
            reinterpret_cast<const unsigned char*>(ours.data()), ours.size(), in, in_size);
        return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
      },
      &alpn_);
}

void TlsContext::NameSessions(SSL* ssl, const std::string& server_name) const {
  SSL_set_ex_data(ssl, ServerNameIndex(), const_cast<std::string*>(&server_name));
}

SSL_SESSION* TlsContext::TakeSession(const std::string& server_name) {
  const std::lock_guard lock(mutex_);
  const auto node = sessions_.extract(server_name);
  return node.empty() ? nullptr : node.mapped();
}

void TlsContext::KeepSession(const std::string& server_name, SSL_SESSION* session) {
  const std::lock_guard lock(mutex_);
  SSL_SESSION*& slot = sessions_[server_name];
  if (slot != nullptr) SSL_SESSION_free(slot);
  slot = session;
  if (sessions_.size() <= kMaxSessions) return;
  auto other = sessions_.begin();
  if (other->first == server_name) ++other;
  SSL_SESSION_free(other->second);
  sessions_.erase(other);
}

}  // namespace hawser::net
