#include "lib/testing/document_table.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace hawser::testing {
namespace {

constexpr size_t kHeadRows = 2;  // titles and dashes

std::string Cell(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  absl::string_view inner = text;
  if (absl::ConsumePrefix(&inner, "`") && absl::ConsumeSuffix(&inner, "`") &&
      inner.find('`') == absl::string_view::npos)
    return std::string(inner);
  return std::string(text);
}

}  // namespace

std::vector<std::vector<std::string>> ReadTable(const std::string& path,
                                                const std::string& heading) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(path);
  bool inside = false;
  size_t seen = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) {
      if (inside) break;
      inside = line == heading;
    } else if (inside && line.starts_with("|")) {
      if (seen++ < kHeadRows) continue;
      std::vector<std::string> cells;
      const std::vector<absl::string_view> parts = absl::StrSplit(line, '|');
      for (size_t i = 1; i + 1 < parts.size(); ++i) cells.push_back(Cell(parts[i]));
      rows.push_back(std::move(cells));
    } else if (seen > 0) {
      break;
    }
  }
  return rows;
}

}  // namespace hawser::testing
