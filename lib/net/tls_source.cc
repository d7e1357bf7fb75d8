#include "lib/net/tls_source.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/pki/digest.h"
#include "lib/pki/pem_file.h"

namespace hawser::net {
namespace {

// What is in the files. A file that cannot be read is like an empty one here: loading it fails.
std::string Digest(const TlsOptions& options) {
  const TlsFiles& files = options.files;
  std::string digests;
  for (const std::string& path : {files.certificate, files.key, files.ca, options.ticket_keys})
    digests += pki::Sha256(pki::ReadPemFile(path).value_or(""));
  return digests;
}

}  // namespace

TlsSource::TlsSource(Make make, const TlsOptions& options)
    : make_(make),
      options_(options),
      watch_(
          {options.files.certificate, options.files.key, options.files.ca, options.ticket_keys}) {}

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

absl::StatusOr<bool> TlsSource::Refresh(bool asked) {
  if (!watch_.Due(asked)) return false;
  std::string digest = Digest(options_);
  auto context = make_(options_);
  if (!context.ok()) {
    if (!watch_.Done(context.status())) return false;
    ++failures_;
    return context.status();
  }
  watch_.Done(absl::OkStatus());
  if (std::exchange(digest_, digest) == digest) return false;
  context_ = *std::move(context);
  return true;
}

}  // namespace hawser::net
