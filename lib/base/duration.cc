#include "lib/base/duration.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::base {
namespace {

constexpr struct {
  std::string_view name;
  uint64_t nanoseconds;
} kUnits[] = {
    {"ns", 1},          {"us", 1'000},        {"\u00b5s", 1'000},  // micro sign
    {"\u03bcs", 1'000},                                            // Greek letter mu
    {"ms", 1'000'000},  {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000},
};

// Digits of a fraction that can matter: an hour has 3.6e12 ns.
constexpr size_t kFractionDigits = 15;

constexpr uint64_t kMax = Duration::max().count();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUnit(char c) { return !IsDigit(c) && c != '.'; }

// Takes the longest prefix of `text` whose characters satisfy `accept`.
std::string_view TakeWhile(std::string_view& text, bool (*accept)(char)) {
  const size_t size = std::find_if_not(text.begin(), text.end(), accept) - text.begin();
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

absl::Status Error(const std::string& why) { return absl::InvalidArgumentError(why); }
absl::Status OutOfRange() { return Error("out of range"); }

// Takes a number and its unit off `text`. Returns nanoseconds, at most kMax.
absl::StatusOr<uint64_t> TakeTerm(std::string_view& text) {
  const std::string_view whole_digits = TakeWhile(text, IsDigit);
  std::string_view fraction_digits;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction_digits = TakeWhile(text, IsDigit);
  }
  if (whole_digits.empty() && fraction_digits.empty()) return Error("missing number");

  const std::string_view name = TakeWhile(text, IsUnit);
  if (name.empty()) return Error("missing unit");
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const auto& unit) { return unit.name == name; });
  if (unit == std::end(kUnits)) return Error("unknown unit " + Quote(std::string(name)));

  unsigned __int128 total = 0;
  for (const char digit : whole_digits) {
    total = total * 10 + (digit - '0') * unit->nanoseconds;
    if (total > kMax) return OutOfRange();
  }
  unsigned __int128 fraction = 0, scale = 1;
  for (const char digit : fraction_digits.substr(0, kFractionDigits)) {
    fraction = fraction * 10 + (digit - '0') * unit->nanoseconds;
    scale *= 10;
  }
  total += fraction / scale;
  return total <= kMax ? absl::StatusOr<uint64_t>(total) : OutOfRange();
}

absl::StatusOr<Duration> Parse(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (text == "0") return Duration::zero();
  uint64_t total = 0;
  do {
    HAWSER_ASSIGN_OR_RETURN(const uint64_t term, TakeTerm(text));
    if (term > kMax - total) return OutOfRange();
    total += term;
  } while (!text.empty());
  return negative ? -Duration(total) : Duration(total);
}

// "1.5" for 1500 / 1000: all digits of the fraction, without trailing zeros.
std::string Decimal(uint64_t value, uint64_t unit) {
  std::string text = std::to_string(value / unit);
  uint64_t rest = value % unit;
  if (rest != 0) text += '.';
  for (; rest != 0; rest %= unit) {
    rest *= 10;
    text += static_cast<char>('0' + rest / unit);
  }
  return text;
}

}  // namespace

absl::StatusOr<Duration> ParseDuration(const std::string& text) {
  absl::StatusOr<Duration> duration = Parse(text);
  if (duration.ok()) return duration;
  return Annotate(duration.status(), "duration " + Quote(text) + " (want e.g. 15s, 500ms, 1h30m)");
}

std::string FormatDuration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  const bool negative = duration < Duration::zero();
  uint64_t left = negative ? 0 - static_cast<uint64_t>(duration.count()) : duration.count();
  std::string text = negative ? "-" : "";
  if (left < 1'000) return text + std::to_string(left) + "ns";
  if (left < 1'000'000) return text + Decimal(left, 1'000) + "\u00b5s";
  if (left < 1'000'000'000) return text + Decimal(left, 1'000'000) + "ms";

  constexpr uint64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
  if (left >= kHour) text += std::to_string(left / kHour) + "h";
  if (left >= kMinute) text += std::to_string(left % kHour / kMinute) + "m";
  return text + Decimal(left % kMinute, kSecond) + "s";
}

}  // namespace hawser::base
