// What proxy-agent is told: flags and the configuration file as one immutable, checked struct.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/host_port.h"
#include "lib/base/scheduler.h"
#include "lib/net/tls_context.h"
#include "lib/tunnel/backoff.h"
#include "lib/tunnel/session.h"
#include "spoke/allow_list.h"
#include "spoke/target_names.h"

namespace hawser::spoke {

struct Options {
  std::vector<base::HostPort> servers;
  net::TlsOptions tls;
  std::string agent_id;
  std::string identifiers;  // as announced, URL-query form
  base::Duration keepalive;
  tunnel::Backoff::Policy backoff;
  base::Duration graceful_shutdown_timeout;

  TargetNames::Options names;  // own names that are announced; the certificate's comes on top
  AllowList allow_list;
  base::Duration dial_timeout;
  tunnel::SessionOptions session;
  uint64_t buffered_bytes;  // of the process

  base::HostPort health;
  base::HostPort admin;
};

// Reads the flags (parsed before) and the file that --config names. InvalidArgument, naming the
// flag, for what makes no sense.
absl::StatusOr<Options> OptionsFromFlags();

}  // namespace hawser::spoke
