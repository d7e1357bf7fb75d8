#include "lib/net/tls_source.h"

#include <utility>

#include "lib/base/status.h"

namespace hawser::net {

absl::StatusOr<TlsSource> TlsSource::Server(const TlsOptions& options) {
  return Load(&TlsContext::Server, options);
}

absl::StatusOr<TlsSource> TlsSource::Client(const TlsOptions& options) {
  return Load(&TlsContext::Client, options);
}

absl::StatusOr<TlsSource> TlsSource::Load(Make make, const TlsOptions& options) {
  TlsSource source(make, options);
  HAWSER_RETURN_IF_ERROR(source.Refresh().status());
  return source;
}

absl::StatusOr<bool> TlsSource::Refresh() {
  // Before the files are read: a change in between is found by the next Refresh().
  const TlsFiles& files = options_.files;
  const Stamps stamps{base::ReadFileStamp(files.certificate), base::ReadFileStamp(files.key),
                      base::ReadFileStamp(files.ca)};
  if (context_ != nullptr && stamps == stamps_) return false;
  stamps_ = stamps;
  auto context = make_(options_);
  if (!context.ok()) {
    ++failures_;
    return context.status();
  }
  context_ = *std::move(context);
  return true;
}

}  // namespace hawser::net
