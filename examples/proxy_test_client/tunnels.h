// Tunnels to a target, through either of a proxy-server's front ends.
//
// Threads: any; each call makes a tunnel of its own.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "examples/proxy_test_client/channel.h"
#include "examples/proxy_test_client/options.h"

namespace hawser::examples {

class Tunnels {
 public:
  // Does not connect yet; files that cannot be used are errors that name the file.
  static absl::StatusOr<std::unique_ptr<Tunnels>> Make(const Options& options);
  virtual ~Tunnels() = default;

  // The tunnel lives at most as long as this.
  virtual absl::StatusOr<Channel> Dial() = 0;
};

}  // namespace hawser::examples
