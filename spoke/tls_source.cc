#include "spoke/tls_source.h"

#include <sys/stat.h>

#include <utility>

#include "lib/base/status.h"
#include "lib/pki/certificate.h"

namespace hawser::spoke {
namespace {

// Kubernetes swaps the folder that a path leads through: the inode tells.
std::array<int64_t, 4> Stamp(const std::string& path) {
  struct stat file;
  if (::stat(path.c_str(), &file) != 0) return {};
  return {static_cast<int64_t>(file.st_ino), file.st_size, file.st_mtim.tv_sec,
          file.st_mtim.tv_nsec};
}

}  // namespace

TlsSource::Stamps TlsSource::ReadStamps(const net::TlsFiles& files) {
  return {Stamp(files.certificate), Stamp(files.key), Stamp(files.ca)};
}

absl::StatusOr<TlsSource> TlsSource::Load(const net::TlsOptions& options) {
  // Before the files: a change in between is found by the next Refresh().
  const Stamps stamps = ReadStamps(options.files);
  HAWSER_ASSIGN_OR_RETURN(auto context, net::TlsContext::Client(options));
  return TlsSource(options, stamps, std::move(context));
}

absl::StatusOr<bool> TlsSource::Refresh() {
  const Stamps stamps = ReadStamps(options_.files);
  if (stamps == stamps_) return false;
  stamps_ = stamps;
  HAWSER_ASSIGN_OR_RETURN(context_, net::TlsContext::Client(options_));
  return true;
}

std::chrono::system_clock::time_point TlsSource::expiry() const {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return now + pki::TimeLeft(SSL_CTX_get0_certificate(context_->get()), now);
}

}  // namespace hawser::spoke
