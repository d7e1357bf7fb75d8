#include "spoke/server_counter.h"

#include <glog/logging.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/scheduler.h"
#include "lib/base/status.h"

namespace hawser::spoke {
namespace {

using nlohmann::json;

constexpr size_t kMaxFile = 4 * 1024 * 1024;

const json& At(const json& object, const char* key) {
  static const json none;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? none : *found;
}

std::string Text(const json& value) { return value.is_string() ? value.get<std::string>() : ""; }

LabelSelector::Labels LabelsOf(const json& metadata) {
  LabelSelector::Labels labels;
  for (const auto& [name, value] : At(metadata, "labels").items()) labels[name] = Text(value);
  return labels;
}

std::optional<WallTime> Expiry(const json& spec) {
  const json& duration = At(spec, "leaseDurationSeconds");
  const std::string renewed = Text(At(spec, "renewTime"));
  absl::Time since;
  if (!duration.is_number_integer() ||
      !absl::ParseTime(absl::RFC3339_full,
                       renewed.empty() ? Text(At(spec, "acquireTime")) : renewed, &since, nullptr))
    return std::nullopt;
  // Kubernetes' number of seconds has 32 bits.
  return absl::ToChronoTime(since + absl::Seconds(duration.get<int32_t>()));
}

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

absl::StatusOr<std::vector<WallTime>> ParseLeases(const std::string& text,
                                                  const LeaseFilter& filter) {
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const json& items = At(list, "items");
  if (!items.is_array()) return absl::InvalidArgumentError("not a list of leases in JSON");
  std::vector<WallTime> expiries;
  for (const json& lease : items) {
    const json& metadata = At(lease, "metadata");
    if (Text(At(metadata, "namespace")) != filter.name_space ||
        !filter.labels.Matches(LabelsOf(metadata)))
      continue;
    if (const auto expiry = Expiry(At(lease, "spec"))) expiries.push_back(*expiry);
  }
  return expiries;
}

size_t LeaseFile::Count() {
  if (const auto stamp = base::ReadFileStamp(path_); !read_ || stamp != stamp_) {
    read_ = true;
    stamp_ = stamp;
    Read();
  }
  const WallTime now = now_();
  const auto valid = std::count_if(expiries_.begin(), expiries_.end(),
                                   [&](WallTime expiry) { return expiry > now; });
  return std::max<size_t>(valid, 1);
}

void LeaseFile::Read() {
  const base::Time begun = base::Clock::now();
  const auto text = ReadFile();
  auto expiries = text.ok() ? ParseLeases(*text, filter_) : text.status();
  const auto answer = HttpAnswer(expiries.status());
  ++counters_.lists[answer];
  counters_.list_latencies
      .try_emplace(answer.first, std::vector<double>{.005, .025, .1, .5, 2.5, 10, 30})
      .first->second.Observe(base::Clock::now() - begun);
  if (expiries.ok()) {
    expiries_ = *std::move(expiries);
  } else {
    LOG(WARNING) << "leases not read from " << path_ << ": "
                 << std::string(expiries.status().message());
  }
}

absl::StatusOr<std::string> LeaseFile::ReadFile() const {
  std::ifstream file(path_, std::ios::binary);
  if (!file) return base::ErrnoStatus(errno, "open");
  std::string text(kMaxFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return absl::DataLossError("read failed");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFile) return absl::ResourceExhaustedError("longer than 4 MiB");
  return text;
}

}  // namespace hawser::spoke
