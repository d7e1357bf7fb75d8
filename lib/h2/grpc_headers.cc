#include "lib/h2/grpc_headers.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace hawser::h2 {
namespace {

constexpr size_t kFieldOverhead = 32;
// grpc-status values are 0 to 16, the same numbers as absl::StatusCode.
constexpr int kHighestCode = 16;
// More would not fit base::Duration's nanoseconds.
constexpr uint32_t kLongestHours = 1'000'000;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusCode CodeOfHttpStatus(const std::string& status) {
  if (status == "400") return absl::StatusCode::kInternal;
  if (status == "401") return absl::StatusCode::kUnauthenticated;
  if (status == "403") return absl::StatusCode::kPermissionDenied;
  if (status == "404") return absl::StatusCode::kUnimplemented;
  if (status == "429" || status == "502" || status == "503" || status == "504")
    return absl::StatusCode::kUnavailable;
  return absl::StatusCode::kUnknown;
}

}  // namespace

void HeaderBlock::Begin(size_t limit) {
  *this = HeaderBlock();
  space_ = limit;
}

bool HeaderBlock::Add(std::string_view name, std::string_view value) {
  const size_t size = name.size() + value.size() + kFieldOverhead;
  if (size > space_) return false;
  space_ -= size;
  if (name == ":method") {
    method = value;
  } else if (name == ":path") {
    path = value;
  } else if (name == ":status") {
    status = value;
  } else if (!name.starts_with(':')) {
    metadata.Add(std::string(name), std::string(value));
  }
  return true;
}

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!content_type.starts_with(kGrpc)) return false;
  const std::string_view rest = content_type.substr(kGrpc.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kHex[byte >> 4]);
      encoded.push_back(kHex[byte & 15]);
    }
  }
  return encoded;
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && text.size() - i > 2) {
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded.push_back(static_cast<char>(high << 4 | low));
        i += 2;
        continue;
      }
    }
    decoded.push_back(text[i]);
  }
  return decoded;
}

std::optional<base::Duration> ParseTimeout(std::string_view text) {
  constexpr size_t kMaxDigits = 8;
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  const char* const unit = text.data() + text.size() - 1;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), unit, value);
  if (error != std::errc() || end != unit) return std::nullopt;
  switch (*unit) {
    case 'H': return std::chrono::hours(std::min(value, kLongestHours));
    case 'M': return std::chrono::minutes(value);
    case 'S': return std::chrono::seconds(value);
    case 'm': return std::chrono::milliseconds(value);
    case 'u': return std::chrono::microseconds(value);
    case 'n': return std::chrono::nanoseconds(value);
    default: return std::nullopt;
  }
}

void AddStatus(const absl::Status& status, net::Metadata& fields) {
  constexpr size_t kMaxText = 1024;
  fields.Add("grpc-status", std::to_string(static_cast<int>(status.code())));
  const std::string message(status.message().substr(0, kMaxText));
  if (!message.empty()) fields.Add("grpc-message", PercentEncode(message));
}

absl::Status CallStatus(const HeaderBlock& block) {
  const std::string text = block.metadata.Get("grpc-status");
  if (text.empty()) {
    if (!block.status.empty() && block.status != "200") {
      return absl::Status(CodeOfHttpStatus(block.status),
                          "server answered with http status " + block.status);
    }
    return absl::UnknownError("server ended the call without a status");
  }
  int code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc() || end != text.data() + text.size() || code < 0 || code > kHighestCode)
    return absl::UnknownError("server ended the call with a malformed grpc-status");
  return absl::Status(static_cast<absl::StatusCode>(code),
                      PercentDecode(block.metadata.Get("grpc-message")));
}

absl::Status ResetStatus(uint32_t http2_code) {
  const std::string message =
      std::string("peer reset the stream: ") + nghttp2_http2_strerror(http2_code);
  switch (http2_code) {
    case NGHTTP2_REFUSED_STREAM: return absl::UnavailableError(message);
    case NGHTTP2_CANCEL: return absl::CancelledError(message);
    case NGHTTP2_ENHANCE_YOUR_CALM: return absl::ResourceExhaustedError(message);
    case NGHTTP2_INADEQUATE_SECURITY: return absl::PermissionDeniedError(message);
    default: return absl::InternalError(message);
  }
}

}  // namespace hawser::h2
