#include "lib/base/log_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

namespace hawser::base {
namespace {

using ::testing::EndsWith;

LogRecord Record(const std::string& message) {
  std::tm noon{.tm_sec = 5, .tm_min = 4, .tm_hour = 12, .tm_mday = 9, .tm_mon = 10, .tm_year = 126};
  const std::time_t seconds = std::mktime(&noon);
  return {.severity = google::WARNING,
          .file = "hub.cc",
          .line = 42,
          .time = google::LogMessageTime(seconds, static_cast<double>(seconds) + 0.25),
          .thread = 7,
          .message = message};
}

std::string Text(const std::string& message) {
  return LogLine(LogFormat::kText, false, Record(message));
}

std::string Json(const std::string& message) {
  return LogLine(LogFormat::kJson, true, Record(message));
}

TEST(LogLine, TextIsKlogs) {
  EXPECT_EQ(LogLine(LogFormat::kText, true, Record("agent refused")),
            "W1109 12:04:05.250000       7 hub.cc:42] agent refused");
  EXPECT_EQ(LogLine(LogFormat::kText, false, Record("agent refused")), "agent refused");
}

TEST(LogLine, TextEscapesWhatWouldForgeALine) {
  EXPECT_EQ(Text("a\nE1121 forged\r\x1b[2J\x7f m\u00fcnchen \\" + std::string(1, '\0')),
            "a\\nE1121 forged\\x0d\\x1b[2J\\x7f m\u00fcnchen \\\\x00");
}

TEST(LogLine, TextIsCutToWhatAPipeTakesWhole) {
  const std::string line = Text(std::string(1 << 20, '\n'));
  EXPECT_LE(line.size(), kMaxLogLine);
  EXPECT_GT(line.size(), kMaxLogLine - 8);
  EXPECT_THAT(line, EndsWith("\\n"));
}

TEST(LogLine, JsonHasTheNamesOfKubernetesComponents) {
  const auto json = nlohmann::json::parse(Json("agent \"a\" refused"));
  const auto time = Record("").time.timestamp();
  EXPECT_DOUBLE_EQ(json.at("ts").get<double>(), static_cast<double>(time) + 0.25);
  EXPECT_EQ(json.at("level"), "warning");
  EXPECT_EQ(json.at("caller"), "hub.cc:42");
  EXPECT_EQ(json.at("msg"), "agent \"a\" refused");
  EXPECT_EQ(json.size(), 4u);
}

TEST(LogLine, JsonIsOneLineOfPrintableCharactersWhateverTheMessageIs) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  for (const std::string& message :
       {bytes, std::string(1 << 20, '\n'), std::string(10000, '\xfc'), std::string(5000, 'x')}) {
    const std::string line = Json(message);
    EXPECT_LE(line.size(), kMaxLogLine);
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

TEST(LogLine, LostLinesAreToldInTheSameFormat) {
  EXPECT_EQ(LostLogLines(LogFormat::kText, 3), "3 log lines lost");
  EXPECT_EQ(LostLogLines(LogFormat::kJson, 3), R"({"msg":"3 log lines lost"})");
}

}  // namespace
}  // namespace hawser::base
