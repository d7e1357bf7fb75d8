// Aligned columns as kubectl prints them, and the texts in their cells.
//
//   Table table({"NAME", "AGENTS"});
//   table.AddRow({"paris", "1"});
//   std::cout << table.Take();
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "lib/base/scheduler.h"

namespace hawser::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // As many cells as the header has.
  void AddRow(std::vector<std::string> row);
  // The lines added since the last call, padded to the widest cells so far, three spaces between.
  std::string Take();

 private:
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

// "2026-11-21T08:30:00Z".
std::string TimeText(std::chrono::system_clock::time_point time);
// Roughly how long that is, in one or two units: "45s", "5m30s", "3h20m", "12d".
std::string AgeText(std::chrono::seconds age);
// "0.12ms", "12.3ms", "1.50s".
std::string RoundTripText(base::Duration round_trip);

}  // namespace hawser::cli
