#include "hub/certificates.h"

#include <glog/logging.h>

#include <utility>

#include "lib/base/duration.h"
#include "lib/base/status.h"
#include "lib/pki/certificate.h"

namespace hawser::hub {
namespace {

// How long tickets are issued with one key; OpenSSL takes them for two hours more.
constexpr std::chrono::hours kTicketKeyLife{12};

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsSlot>> Certificates::Add(const std::string& name,
                                                                 const net::TlsOptions& options,
                                                                 Renewed renewed) {
  HAWSER_ASSIGN_OR_RETURN(auto source, net::TlsSource::Server(options));
  auto slot = std::make_shared<TlsSlot>(source.context());
  served_.push_back({name, std::move(source), slot, std::move(renewed)});
  Inspect(served_.back());
  return slot;
}

void Certificates::Refresh(bool asked) {
  std::map<std::string, absl::Status> changed;  // by name: a line for each, not for each port
  for (Served& served : served_) {
    const auto renewed = served.source.Refresh(asked);
    if (!renewed.ok()) {
      changed[served.name].Update(renewed.status());
    } else if (*renewed) {
      served.slot->Set(served.source.context());
      served.renewed(served.source.context());
      Inspect(served);
      changed[served.name].Update(absl::OkStatus());
    }
  }
  for (const auto& [name, status] : changed) {
    if (status.ok()) {
      LOG(INFO) << "certificates of " << name << " reloaded";
    } else {
      ++pictures_[name].reload_failures;
      LOG(ERROR) << "certificates of " << name
                 << " not reloaded, the old ones stay: " << std::string(status.message());
    }
  }
}

void Certificates::RotateTicketKeys(base::Time now) {
  if (!ticket_keys_since_) ticket_keys_since_ = now;
  if (now - *ticket_keys_since_ < kTicketKeyLife) return;
  ticket_keys_since_ = now;
  for (const Served& served : served_) served.source.context()->RotateTicketKeys();
}

void Certificates::Inspect(const Served& served) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const X509* certificate = SSL_CTX_get0_certificate(served.source.context()->get());
  const auto left = pki::TimeLeft(certificate, now);
  const bool known = std::exchange(pictures_[served.name].expiry, now + left) == now + left;
  if (left.count() <= 0 && !known)
    LOG(ERROR) << "certificate " << served.source.options().files.certificate << " expired "
               << base::FormatDuration(-left) << " ago: peers refuse it";
}

}  // namespace hawser::hub
