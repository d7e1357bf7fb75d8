#include "examples/proxy_test_client/options.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <chrono>

#include "lib/base/flag_values.h"
#include "lib/base/status.h"

DEFINE_string(mode, "grpc", "front end to talk to: grpc or http-connect");
DEFINE_string(proxy_host, "localhost", "host of the proxy-server, which its certificate must name");
DEFINE_int32(proxy_port, 8090, "its TCP port");
DEFINE_string(proxy_uds, "", "its Unix socket, instead of host, port and certificates");
DEFINE_string(ca_cert, "", "CA of the proxy-server's certificate (PEM)");
DEFINE_string(client_cert, "", "this client's certificate (PEM)");
DEFINE_string(client_key, "", "its private key");
DEFINE_string(user_agent, "test-client", "User-Agent of the CONNECT request");

DEFINE_string(request_proto, "http", "what is spoken inside the tunnel: http or https");
DEFINE_string(request_host, "localhost", "host of the target, as its agent sees it");
DEFINE_int32(request_port, 8000, "port of the target");
DEFINE_string(request_path, "success", "path of the request, with a query perhaps");

DEFINE_int32(test_requests, 1, "number of requests, each through a tunnel of its own");
DEFINE_int32(test_delay, 0, "seconds between two requests; 0: all at once");
DEFINE_int32(after_delay, 0, "seconds to wait after the last answer");
DEFINE_bool(close_idle_conn, true, "close each connection after its answer, not only at the end");
DEFINE_bool(enable_http2_healthchecks, true,
            "accepted for compatibility: this client speaks HTTP/1.1 inside the tunnel");

namespace hawser::examples {
namespace {

using base::AtLeast;
using base::BadFlag;

constexpr int kMostRequests = 1000;

absl::StatusOr<base::HostPort> Address(const std::string& name, const std::string& host, int port) {
  if (host.empty()) return BadFlag(name + "-host", "is needed");
  if (port < 1 || port > 65535) return BadFlag(name + "-port", "must be from 1 to 65535");
  const auto address =
      base::ParseHostPort(base::FormatHostPort({host, static_cast<uint16_t>(port)}));
  if (!address.ok()) return BadFlag(name + "-host", std::string(address.status().message()));
  return address;
}

absl::Status ReadProxy(Options& options) {
  if (FLAGS_mode != "grpc" && FLAGS_mode != "http-connect")
    return BadFlag("mode", "must be grpc or http-connect, not " + FLAGS_mode);
  options.mode = FLAGS_mode == "grpc" ? Options::kGrpc : Options::kHttpConnect;
  options.proxy_path = FLAGS_proxy_uds;
  options.tls = {FLAGS_client_cert, FLAGS_client_key, FLAGS_ca_cert};
  if (FLAGS_proxy_uds.empty()) {
    HAWSER_ASSIGN_OR_RETURN(options.proxy, Address("proxy", FLAGS_proxy_host, FLAGS_proxy_port));
    if (FLAGS_ca_cert.empty())
      return BadFlag("ca-cert", "is needed: servers must be authenticated");
    if (FLAGS_client_cert.empty() != FLAGS_client_key.empty())
      return BadFlag("client-cert", "goes together with --client-key");
  } else if (!FLAGS_ca_cert.empty() || !FLAGS_client_cert.empty() || !FLAGS_client_key.empty()) {
    return BadFlag("proxy-uds", "a Unix socket has no use for certificates");
  }
  const bool printable = std::all_of(FLAGS_user_agent.begin(), FLAGS_user_agent.end(),
                                     [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable) return BadFlag("user-agent", "must be printable ASCII");
  options.user_agent = FLAGS_user_agent;
  return absl::OkStatus();
}

absl::Status ReadRequest(Options& options) {
  if (FLAGS_request_proto != "http" && FLAGS_request_proto != "https")
    return BadFlag("request-proto", "must be http or https, not " + FLAGS_request_proto);
  options.https = FLAGS_request_proto == "https";
  HAWSER_ASSIGN_OR_RETURN(options.target,
                          Address("request", FLAGS_request_host, FLAGS_request_port));
  const bool fit = std::all_of(FLAGS_request_path.begin(), FLAGS_request_path.end(),
                               [](char c) { return c > ' ' && c <= '~'; });
  if (!fit) return BadFlag("request-path", "must be printable ASCII without spaces");
  options.path = FLAGS_request_path.starts_with("/") ? "" : "/";
  options.path += FLAGS_request_path;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  HAWSER_RETURN_IF_ERROR(ReadProxy(options));
  HAWSER_RETURN_IF_ERROR(ReadRequest(options));
  HAWSER_ASSIGN_OR_RETURN(options.requests, AtLeast("test-requests", FLAGS_test_requests, 1));
  if (options.requests > kMostRequests)
    return BadFlag("test-requests", "must be at most " + std::to_string(kMostRequests));
  HAWSER_ASSIGN_OR_RETURN(const int delay, AtLeast("test-delay", FLAGS_test_delay, 0));
  HAWSER_ASSIGN_OR_RETURN(const int after, AtLeast("after-delay", FLAGS_after_delay, 0));
  options.delay = std::chrono::seconds(delay);
  options.after_delay = std::chrono::seconds(after);
  options.close_idle = FLAGS_close_idle_conn;
  return options;
}

}  // namespace hawser::examples
