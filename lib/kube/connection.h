// One HTTP/1.1 connection to the API server, for one exchange at a time. It connects when it is
// used first and again when the server closed it meanwhile.
//
// Nothing here is retried or understood; see Client for that.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/kube/config.h"

namespace httplib {
class ClientImpl;
}

namespace hawser::kube {

struct HttpRequest {
  std::string method;
  std::string target;  // path and query, escaped
  std::string token;   // for "Authorization: Bearer"; may be empty
  std::string body;
  std::string content_type;

  // The whole exchange must end by then.
  base::Time deadline = base::Time::max();
  // Ends the exchange with kCancelled when a stop is requested.
  std::stop_token stop;
};

struct HttpHead {
  int status = 0;
  std::optional<base::Duration> retry_after;
};

// Called with an empty part when the head is there, then with parts of the body as they arrive. An
// error ends the exchange and is its result.
using BodySink = absl::FunctionRef<absl::Status(const HttpHead& head, const std::string& part)>;

// Threads: one at a time; not an event loop's, since everything here waits.
class Connection {
 public:
  // kInvalidArgument when a certificate or key cannot be read. Reads the authorities now.
  static absl::StatusOr<std::unique_ptr<Connection>> Create(const Config& config,
                                                            const Credential& credential);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // The head of the answer, whatever its status, after all of the body went to `sink`.
  // kUnavailable when there is no connection or it broke, kDeadlineExceeded, kCancelled.
  absl::StatusOr<HttpHead> Exchange(const HttpRequest& request, BodySink sink);

  const Credential& credential() const { return credential_; }
  base::Time created() const { return created_; }
  // Whether the last exchange ran over a connection that an earlier one had used: the server may
  // have closed it without having seen the request.
  bool reused() const { return reused_; }

 private:
  class SocketHandle;
  Connection(const Config& config, const Credential& credential);
  absl::Status SetUpTls(const Config& config);
  absl::Status ErrorOf(const HttpRequest& request, int httplib_error) const;

  const ServerUrl server_;
  const std::string server_name_;
  const Credential credential_;
  const base::Time created_ = base::Clock::now();
  std::string tls_error_;   // what went wrong in the last handshake
  bool connected_ = false;  // a socket was made in the last exchange
  bool reused_ = false;
  std::unique_ptr<SocketHandle> socket_;
  std::unique_ptr<httplib::ClientImpl> http_;

  friend struct TlsCallbacks;
};

}  // namespace hawser::kube
