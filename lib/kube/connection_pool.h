// Connections to one API server that are kept between requests.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/kube/connection.h"

namespace hawser::kube {

// Threads: any.
class ConnectionPool {
 public:
  explicit ConnectionPool(Config config) : config_(std::move(config)) {}

  // A connection that presents `credential`, idle or new.
  absl::StatusOr<std::unique_ptr<Connection>> Take(const Credential& credential);
  // Takes back a connection whose last exchange went to its end.
  void Return(std::unique_ptr<Connection> connection);

  const Config& config() const { return config_; }

 private:
  const Config config_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_; the last was used last
};

}  // namespace hawser::kube
