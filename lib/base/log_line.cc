#include "lib/base/log_line.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hawser::base {
namespace {

const char* SeverityName(google::LogSeverity severity) {
  switch (severity) {
    case google::INFO: return "info";
    case google::WARNING: return "warning";
    case google::ERROR: return "error";
    default: return "fatal";
  }
}

std::string Header(const LogRecord& record) {
  return absl::StrFormat(
      "%c%02d%02d %02d:%02d:%02d.%06d %7d %s:%d] ", SeverityName(record.severity)[0] - 'a' + 'A',
      record.time.month() + 1, record.time.day(), record.time.hour(), record.time.min(),
      record.time.sec(), record.time.usec(), record.thread, record.file, record.line);
}

std::string TextLine(const std::string& text) {
  constexpr size_t kLongestEscape = 4;
  std::string line;
  for (const char c : text) {
    if (line.size() > kMaxLogLine - kLongestEscape) break;
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      line += absl::StrFormat("\\x%02x", c);
    } else {
      line += c;
    }
  }
  return line;
}

std::string JsonLine(const LogRecord& record) {
  nlohmann::ordered_json json = {
      {"ts", static_cast<double>(record.time.timestamp()) + record.time.usec() * 1e-6},
      {"level", SeverityName(record.severity)},
      {"caller", absl::StrCat(record.file, ":", record.line)},
  };
  std::string message = record.message.substr(0, kMaxLogLine);
  for (;;) {
    json["msg"] = message;
    // ASCII only: text of peers may hold any byte, and what is cut may end within a character.
    std::string line = json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
    if (line.size() <= kMaxLogLine) return line;
    message.resize(message.size() * 3 / 4);
  }
}

}  // namespace

std::string LogLine(LogFormat format, bool header, const LogRecord& record) {
  if (format == LogFormat::kJson) return JsonLine(record);
  return TextLine((header ? Header(record) : "") + record.message);
}

std::string LostLogLines(LogFormat format, uint64_t count) {
  const std::string text = absl::StrCat(count, " log lines lost");
  return format == LogFormat::kJson ? nlohmann::json{{"msg", text}}.dump() : text;
}

}  // namespace hawser::base
