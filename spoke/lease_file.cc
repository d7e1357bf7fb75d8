#include "spoke/lease_file.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "lib/base/read_file.h"
#include "lib/base/scheduler.h"
#include "lib/kube/lease.h"

namespace hawser::spoke {
namespace {

constexpr size_t kMaxFile = 4 * 1024 * 1024;

// As the API server would answer.
std::pair<int, std::string> HttpAnswer(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return {200, ""};
    case absl::StatusCode::kNotFound: return {404, "NotFound"};
    case absl::StatusCode::kPermissionDenied: return {403, "Forbidden"};
    default: return {500, "InternalError"};
  }
}

}  // namespace

absl::StatusOr<std::vector<kube::WallTime>> ParseLeases(const std::string& text,
                                                        const LeaseFilter& filter) {
  const kube::Object list = kube::Object::parse(text, nullptr, /*allow_exceptions=*/false);
  const kube::Object* items = kube::Find(list, {"items"});
  if (items == nullptr || !items->is_array())
    return absl::InvalidArgumentError("not a list of leases in JSON");
  std::vector<kube::WallTime> expiries;
  for (const kube::Object& item : *items) {
    const kube::Lease lease = kube::ParseLease(item);
    if (lease.name.ns != filter.name_space || !filter.labels.Matches(lease.labels)) continue;
    if (const auto expiry = kube::ExpiryOf(lease)) expiries.push_back(*expiry);
  }
  return expiries;
}

size_t LeaseFile::Count() {
  if (watch_.Due()) Read();
  const kube::WallTime now = now_();
  const auto valid = std::count_if(expiries_.begin(), expiries_.end(),
                                   [&](kube::WallTime expiry) { return expiry > now; });
  return std::max<size_t>(valid, 1);
}

void LeaseFile::Read() {
  const base::Time begun = base::Clock::now();
  const auto text = base::ReadFile(path_, kMaxFile);
  auto expiries = text.ok() ? ParseLeases(*text, filter_) : text.status();
  const auto [http_status, reason] = HttpAnswer(expiries.status());
  counters_.lists.Observe(http_status, reason, base::Clock::now() - begun);
  const bool news = watch_.Done(expiries.status());
  if (expiries.ok()) {
    expiries_ = *std::move(expiries);
  } else if (news) {
    LOG(WARNING) << "leases not read from " << path_ << ": "
                 << std::string(expiries.status().message());
  }
}

}  // namespace hawser::spoke
