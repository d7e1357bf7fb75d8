// One HTTP/1 response, read from a channel.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "examples/proxy_test_client/channel.h"

namespace hawser::examples {

struct HttpResponse {
  // A longer body is an error, in bytes.
  static constexpr size_t kMostBody = size_t{64} << 20;

  int status = 0;
  std::string reason;
  std::string body;  // without chunks' framing
};

// To a request other than CONNECT.
absl::StatusOr<HttpResponse> ReadResponse(BIO& channel);
// To CONNECT: a success ends with its head, and nothing may follow it, as the client speaks first.
absl::StatusOr<HttpResponse> ReadConnectResponse(BIO& channel);

}  // namespace hawser::examples
