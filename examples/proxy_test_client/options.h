// What proxy-test-client is told: the flags of Konnectivity's program of that name, checked.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/tls_context.h"

namespace hawser::examples {

struct Options {
  enum Mode { kGrpc, kHttpConnect } mode;
  // Where the front end is: TCP with mutual TLS, or a Unix socket when there is a path.
  base::HostPort proxy;
  std::string proxy_path;
  net::TlsFiles tls;
  std::string user_agent;  // of CONNECT requests

  bool https;  // towards the target, inside the tunnel
  base::HostPort target;
  std::string path;  // with its slash

  int requests;
  base::Duration delay;        // between the beginnings of two requests
  base::Duration after_delay;  // after the last answer
  bool close_idle;             // false: connections stay open until the program ends
};

// Reads the flags (parsed before). InvalidArgument, naming the flag, for what makes no sense.
absl::StatusOr<Options> OptionsFromFlags();

}  // namespace hawser::examples
