// The agent's TLS context, made anew when its files change.
//
// Threads: one.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/net/tls_context.h"

namespace hawser::spoke {

class TlsSource {
 public:
  static absl::StatusOr<TlsSource> Load(const net::TlsOptions& options);

  // Reads the files again when one of them changed since they were read last. True: context() is
  // a new one. Errors are reported once per change; the context stays as it was.
  absl::StatusOr<bool> Refresh();

  const std::shared_ptr<net::TlsContext>& context() const { return context_; }
  // Of the agent's own certificate.
  std::chrono::system_clock::time_point expiry() const;

 private:
  // What tells one version of a file from another, for each of the three.
  using Stamps = std::array<std::array<int64_t, 4>, 3>;

  TlsSource(const net::TlsOptions& options, const Stamps& stamps,
            std::shared_ptr<net::TlsContext> context)
      : options_(options), stamps_(stamps), context_(std::move(context)) {}
  static Stamps ReadStamps(const net::TlsFiles& files);

  net::TlsOptions options_;
  Stamps stamps_;
  std::shared_ptr<net::TlsContext> context_;
};

}  // namespace hawser::spoke
