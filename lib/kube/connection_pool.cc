#include "lib/kube/connection_pool.h"

#include <utility>

namespace hawser::kube {
namespace {

constexpr size_t kMaxIdle = 8;
// Connections do not grow older: new authorities and the load balancer's choice count again.
constexpr std::chrono::minutes kMaxAge(10);

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> ConnectionPool::Take(const Credential& credential) {
  std::unique_ptr<Connection> old;
  for (;;) {
    old.reset();  // closes it without the lock
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) break;
    old = std::move(idle_.back());
    idle_.pop_back();
    // The token goes with each request, the certificate with the connection.
    const bool same = old->credential().certificate_pem == credential.certificate_pem &&
                      old->credential().key_pem == credential.key_pem;
    if (same && base::Clock::now() - old->created() < kMaxAge) return old;
  }
  return Connection::Create(config_, credential);
}

void ConnectionPool::Return(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

}  // namespace hawser::kube
