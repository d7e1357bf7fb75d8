// A TLS context that is made anew when its files change: the certificate, its key, the CA.
//
//   HAWSER_ASSIGN_OR_RETURN(auto source, TlsSource::Server(options));
//   ... now and then, and with true on SIGHUP:
//   const auto changed = source.Refresh();
//   if (!changed.ok()) ... log it, once per change; the context stays as it was
//   if (changed.ok() && *changed) ... use source.context() for new handshakes
//
// Threads: one; the contexts may be used on any. Refresh() reads files and blocks for as long.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/file_watch.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

class TlsSource {
 public:
  static absl::StatusOr<TlsSource> Server(const TlsOptions& options);
  static absl::StatusOr<TlsSource> Client(const TlsOptions& options);

  // Reads the files again when one of them changed since they were read last, when they could not
  // be read, or when `asked` to. True: context() is a new one, since what is in the files is new. A
  // torn, mismatched, missing or too open file is an error, reported once per change of the files
  // and whenever asked; the context stays as it was.
  absl::StatusOr<bool> Refresh(bool asked = false);

  const std::shared_ptr<TlsContext>& context() const { return context_; }
  const TlsOptions& options() const { return options_; }
  // Errors that Refresh() reported.
  uint64_t failures() const { return failures_; }

 private:
  using Make = absl::StatusOr<std::shared_ptr<TlsContext>> (*)(const TlsOptions&);

  TlsSource(Make make, const TlsOptions& options);
  static absl::StatusOr<TlsSource> Load(Make make, const TlsOptions& options);

  Make make_;
  TlsOptions options_;
  base::FileWatch watch_;
  std::string digest_;  // of the files that context_ was made of
  std::shared_ptr<TlsContext> context_;
  uint64_t failures_ = 0;
};

}  // namespace hawser::net
