#include "lib/net/connect_reply.h"

#include "absl/strings/ascii.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::net {
namespace {

absl::Status Malformed(const std::string& why) {
  return absl::InvalidArgumentError("http response: " + why);
}

}  // namespace

absl::StatusOr<size_t> ConnectReply::Feed(std::span<const uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size() && !complete_; ++i) {
    if (size_ == kMaxBytes)
      return absl::ResourceExhaustedError("http response: head is longer than " +
                                          std::to_string(kMaxBytes) + " bytes");
    ++size_;
    const uint8_t byte = bytes[i];
    if (byte == '\n') {
      after_return_ = false;
      HAWSER_RETURN_IF_ERROR(EndLine());
      if (complete_) return i + 1;
      continue;
    }
    if (after_return_ || (byte < ' ' && byte != '\t' && byte != '\r') || byte == 0x7f)
      return Malformed("a control character in the head");
    after_return_ = byte == '\r';
    if (after_return_) continue;
    line_ += static_cast<char>(byte);
  }
  return complete_ ? 0 : bytes.size();
}

absl::Status ConnectReply::EndLine() {
  if (!status_line_ended_) {
    status_line_ended_ = true;
    HAWSER_RETURN_IF_ERROR(ParseStatusLine());
  } else if (line_.empty()) {
    complete_ = true;
  } else {
    AddField();
  }
  line_.clear();
  return absl::OkStatus();
}

void ConnectReply::AddField() {
  const size_t colon = line_.find(':');
  if (colon == std::string::npos || colon == 0) return;
  const std::string name = line_.substr(0, colon);
  if (name.find_first_of(" \t") != std::string::npos) return;
  fields_.Add(absl::AsciiStrToLower(name),
              std::string(absl::StripAsciiWhitespace(line_.substr(colon + 1))));
}

// "HTTP/1.1 200 Connection established" (RFC 9112, section 4); the words may be missing, and with
// them the space before.
absl::Status ConnectReply::ParseStatusLine() {
  constexpr size_t kVersion = 8, kStatusEnd = 12;
  const bool digits = line_.size() >= kStatusEnd && absl::ascii_isdigit(line_[7]) &&
                      absl::ascii_isdigit(line_[9]) && absl::ascii_isdigit(line_[10]) &&
                      absl::ascii_isdigit(line_[11]);
  if (!digits || !line_.starts_with("HTTP/1.") || line_[kVersion] != ' ' || line_[9] == '0' ||
      (line_.size() > kStatusEnd && line_[kStatusEnd] != ' '))
    return Malformed("it begins with " + base::Quote(line_));
  status_ = std::stoi(line_.substr(kVersion + 1, 3));
  if (line_.size() > kStatusEnd) reason_ = line_.substr(kStatusEnd + 1);
  return absl::OkStatus();
}

}  // namespace hawser::net
