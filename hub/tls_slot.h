// The TLS context of a port, swapped while its loops accept: each handshake takes what is there
// when it begins.
//
// Threads: any.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "lib/net/tls_context.h"

namespace hawser::hub {

class TlsSlot {
 public:
  explicit TlsSlot(std::shared_ptr<net::TlsContext> context) : context_(std::move(context)) {}

  std::shared_ptr<net::TlsContext> Get() const {
    const std::lock_guard lock(mutex_);
    return context_;
  }
  void Set(std::shared_ptr<net::TlsContext> context) {
    const std::lock_guard lock(mutex_);
    context_.swap(context);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<net::TlsContext> context_;  // guarded by mutex_
};

}  // namespace hawser::hub
