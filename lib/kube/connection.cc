#include "lib/kube/connection.h"

#include <fcntl.h>
#include <httplib.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/build_info.h"
#include "lib/base/host_port.h"
#include "lib/base/status.h"
#include "lib/kube/tls_identity.h"
#include "lib/pki/anchors.h"
#include "lib/pki/key_exchange.h"

namespace hawser::kube {
namespace {

using std::chrono::seconds;

constexpr seconds kConnectTimeout(10);
// A peer that is gone without a word is noticed within about half a minute, even where nothing is
// sent, as on a watch.
constexpr int kKeepAliveIdle = 15;     // seconds
constexpr int kKeepAliveInterval = 5;  // seconds
constexpr int kUserTimeout = 30'000;   // milliseconds
// httplib takes a pause in an answer for its end; deadlines are ours.
constexpr std::chrono::hours kLongestPause(1);

// An answer's header, as seconds; dates are not used by API servers.
std::optional<base::Duration> RetryAfter(const httplib::Response& response) {
  const std::string text = response.get_header_value("Retry-After");
  uint32_t count = 0;
  if (text.empty() || !absl::SimpleAtoi(text, &count)) return std::nullopt;
  return seconds(count);
}

void SetOption(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

// A descriptor of our own for the connection's socket, so that another thread can end what waits
// on it without ever touching a descriptor that was closed and given to somebody else.
class Connection::SocketHandle {
 public:
  SocketHandle() = default;
  SocketHandle(const SocketHandle&) = delete;
  SocketHandle& operator=(const SocketHandle&) = delete;
  ~SocketHandle() { Replace(-1); }

  void Adopt(int fd) { Replace(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

  void ShutDown() {
    const std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }

 private:
  void Replace(int fd) {
    const std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

  std::mutex mutex_;
  int fd_ = -1;
};

// OpenSSL's side of a handshake. It runs within Exchange(), on its thread.
struct TlsCallbacks {
  static Connection& Of(const SSL* ssl) {
    return *static_cast<Connection*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  static int OnVerified(int ok, X509_STORE_CTX* context) {
    if (pki::AcceptAnyUsage(ok, context) == 1) return 1;
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
    Of(ssl).tls_error_ = std::string("the server's certificate is not accepted: ") +
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    return 0;
  }

  static void OnEvent(const SSL* ssl, int where, int value) {
    Connection& connection = Of(ssl);
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
      // httplib sends the host that it connects to, addresses included; servers pick their
      // certificate by the name that we then check (RFC 6066: never an address).
      in6_addr address;
      std::string name = connection.server_name_;
      const bool is_address = ::inet_pton(AF_INET, name.c_str(), &address) == 1 ||
                              ::inet_pton(AF_INET6, name.c_str(), &address) == 1;
      SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), is_address ? nullptr : name.data());
    }
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
      connection.tls_error_ =
          std::string("the server refused the TLS handshake: ") + SSL_alert_desc_string_long(value);
  }
};

Connection::Connection(const Config& config, const Credential& credential)
    : server_(config.server),
      server_name_(config.server_name.empty() ? config.server.host : config.server_name),
      credential_(credential),
      socket_(std::make_unique<SocketHandle>()) {}

Connection::~Connection() = default;

absl::StatusOr<std::unique_ptr<Connection>> Connection::Create(const Config& config,
                                                               const Credential& credential) {
  std::unique_ptr<Connection> connection(new Connection(config, credential));
  if (config.server.tls) {
    HAWSER_RETURN_IF_ERROR(connection->SetUpTls(config));
  } else {
    connection->http_ =
        std::make_unique<httplib::ClientImpl>(config.server.host, config.server.port);
  }
  httplib::ClientImpl& http = *connection->http_;
  http.set_keep_alive(true);
  http.set_tcp_nodelay(true);
  http.set_url_encode(false);
  http.set_decompress(false);
  http.set_connection_timeout(kConnectTimeout);
  http.set_socket_options([raw = connection.get()](int fd) {
    SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdle);
    SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveInterval);
    SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeout);
    raw->socket_->Adopt(fd);
    raw->connected_ = true;
  });
  return connection;
}

absl::Status Connection::SetUpTls(const Config& config) {
  auto http = std::make_unique<httplib::SSLClient>(server_.host, server_.port);
  SSL_CTX* context = http->ssl_context();
  if (context == nullptr) return absl::InternalError("make a TLS context: openssl failed");
  // Chain and name are checked by OpenSSL itself: httplib would fall back to the common name.
  http->enable_server_certificate_verification(false);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  pki::RestrictKeyExchange(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, TlsCallbacks::OnVerified);
  SSL_CTX_set_info_callback(context, TlsCallbacks::OnEvent);

  X509_VERIFY_PARAM* parameters = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, server_name_.c_str()) != 1)
    X509_VERIFY_PARAM_set1_host(parameters, server_name_.c_str(), server_name_.size());

  HAWSER_RETURN_IF_ERROR(SetUpTlsIdentity(context, config, credential_));
  http_ = std::move(http);
  return absl::OkStatus();
}

absl::Status Connection::ErrorOf(const HttpRequest& request, int httplib_error) const {
  const std::string where = base::FormatHostPort({server_.host, server_.port});
  if (request.stop.stop_requested()) return absl::CancelledError("stopped");
  if (base::Clock::now() >= request.deadline)
    return absl::DeadlineExceededError("no whole answer from " + where + " in time");
  if (!tls_error_.empty()) return absl::UnavailableError(where + ": " + tls_error_);
  switch (static_cast<httplib::Error>(httplib_error)) {
    case httplib::Error::Connection:
      if (!connected_) return absl::UnavailableError(where + ": the name does not resolve");
      return absl::UnavailableError(where + ": connection refused, or no way there");
    case httplib::Error::ConnectionTimeout:
      return absl::UnavailableError(where + ": no connection in time");
    case httplib::Error::SSLConnection:
      return absl::UnavailableError(where + ": the TLS handshake failed");
    default: return absl::UnavailableError(where + ": the connection broke");
  }
}

absl::StatusOr<HttpHead> Connection::Exchange(const HttpRequest& request, BodySink sink) {
  const base::Duration left = request.deadline - base::Clock::now();
  if (request.stop.stop_requested()) return absl::CancelledError("stopped");
  if (left <= base::Duration::zero()) return absl::DeadlineExceededError("no time left");
  // At least a microsecond, since httplib takes zero for "at once".
  http_->set_connection_timeout(std::min<base::Duration>(left, kConnectTimeout));
  http_->set_read_timeout(std::min<base::Duration>(left, kLongestPause));
  http_->set_write_timeout(std::min<base::Duration>(left, kLongestPause));
  tls_error_.clear();
  connected_ = false;

  HttpHead head;
  absl::Status failure;
  httplib::Request http;
  http.method = request.method;
  http.path = server_.prefix + request.target;
  http.set_header("Host", base::FormatHostPort({server_.host, server_.port}));
  http.set_header("User-Agent", std::string("hawser/") + base::GetBuildInfo().version);
  http.set_header("Accept", "application/json");
  http.set_header("Accept-Encoding", "identity");
  if (!request.token.empty()) http.set_header("Authorization", "Bearer " + request.token);
  if (!request.content_type.empty()) http.set_header("Content-Type", request.content_type);
  http.body = request.body;
  http.response_handler = [&](const httplib::Response& response) {
    head = {response.status, RetryAfter(response)};
    failure = sink(head, "");
    return failure.ok();
  };
  http.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    if (request.stop.stop_requested() || base::Clock::now() >= request.deadline) return false;
    failure = sink(head, std::string(data, size));
    return failure.ok();
  };

  httplib::Response response;
  httplib::Error error = httplib::Error::Success;
  bool done = false;
  {
    const std::stop_callback stop(request.stop, [this] { socket_->ShutDown(); });
    done = http_->send(http, response, error);
  }
  reused_ = !connected_;
  if (!failure.ok()) return failure;
  if (!done) return ErrorOf(request, static_cast<int>(error));
  return head;
}

}  // namespace hawser::kube
