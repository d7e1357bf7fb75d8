#include "cli/table.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/time/time.h"

namespace hawser::cli {
namespace {

constexpr size_t kGap = 3;

std::string TwoUnits(int64_t big, const char* big_unit, int64_t small, const char* small_unit) {
  std::string text = std::to_string(big) + big_unit;
  if (small > 0) text += std::to_string(small) + small_unit;
  return text;
}

}  // namespace

Table::Table(std::vector<std::string> header) : widths_(header.size(), 0) {
  AddRow(std::move(header));
}

void Table::AddRow(std::vector<std::string> row) {
  for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
  rows_.push_back(std::move(row));
}

std::string Table::Take() {
  std::string text;
  for (const auto& row : std::exchange(rows_, {})) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      text += row[i] + std::string(widths_[i] + kGap - row[i].size(), ' ');
    text += row.back() + "\n";
  }
  return text;
}

std::string TimeText(std::chrono::system_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string AgeText(std::chrono::seconds age) {
  const int64_t seconds = std::max<int64_t>(age.count(), 0);
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  if (minutes == 0) return std::to_string(seconds) + "s";
  if (hours == 0) return TwoUnits(minutes, "m", seconds % 60, "s");
  if (hours < 48) return TwoUnits(hours, "h", minutes % 60, "m");
  return std::to_string(hours / 24) + "d";
}

std::string RoundTripText(base::Duration round_trip) {
  const double seconds = std::chrono::duration<double>(round_trip).count();
  char text[32];
  if (seconds < 0.01) {
    std::snprintf(text, sizeof text, "%.2fms", seconds * 1e3);
  } else if (seconds < 1) {
    std::snprintf(text, sizeof text, "%.1fms", seconds * 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.2fs", seconds);
  }
  return text;
}

}  // namespace hawser::cli
