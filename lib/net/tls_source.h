// A TLS context that is made anew when its files change: the certificate, its key, the CA.
//
//   HAWSER_ASSIGN_OR_RETURN(auto source, TlsSource::Server(options));
//   ... now and then, and on SIGHUP:
//   const auto changed = source.Refresh();
//   if (!changed.ok()) ... log it, once per change; the context stays as it was
//   if (changed.ok() && *changed) ... use source.context() for new handshakes
//
// Threads: one; the contexts may be used on any. Refresh() reads files and blocks for as long.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "lib/base/file_stamp.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

class TlsSource {
 public:
  static absl::StatusOr<TlsSource> Server(const TlsOptions& options);
  static absl::StatusOr<TlsSource> Client(const TlsOptions& options);

  // Reads the files again when one of them changed since they were read last. True: context() is
  // a new one. A torn, mismatched or missing file is an error, reported once per change of the
  // files; the context stays as it was.
  absl::StatusOr<bool> Refresh();

  const std::shared_ptr<TlsContext>& context() const { return context_; }
  const TlsOptions& options() const { return options_; }
  // Times that Refresh() failed.
  uint64_t failures() const { return failures_; }

 private:
  using Make = absl::StatusOr<std::shared_ptr<TlsContext>> (*)(const TlsOptions&);
  using Stamps = std::array<base::FileStamp, 3>;

  TlsSource(Make make, const TlsOptions& options) : make_(make), options_(options) {}
  static absl::StatusOr<TlsSource> Load(Make make, const TlsOptions& options);

  Make make_;
  TlsOptions options_;
  Stamps stamps_;
  std::shared_ptr<TlsContext> context_;
  uint64_t failures_ = 0;
};

}  // namespace hawser::net
