#include "lib/net/http1_head.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "lib/base/status.h"

namespace hawser::net {
namespace {

absl::Status Malformed(const std::string& why) {
  return absl::InvalidArgumentError("http request: " + why);
}

// RFC 9110, 5.6.2.
bool IsToken(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string::npos;
  });
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

Http1Head::Http1Head() {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

std::string Http1Head::method() const {
  return http_method_str(static_cast<http_method>(parser_.method));
}

absl::StatusOr<size_t> Http1Head::Feed(std::span<const uint8_t> bytes) {
  if (complete_) return 0;
  HAWSER_ASSIGN_OR_RETURN(const size_t count,
                          FindEnd(bytes.first(std::min(bytes.size(), kMaxBytes - size_))));
  HAWSER_RETURN_IF_ERROR(Parse(bytes.first(count)));
  size_ += count;
  if (!complete_ && size_ == kMaxBytes) {
    return absl::ResourceExhaustedError("http request: head is longer than " +
                                        std::to_string(kMaxBytes) + " bytes");
  }
  return count;
}

// The distribution's http-parser is built lenient: it takes bare line feeds, folded lines and many
// control characters. They are refused here, which makes the end the same for both.
absl::StatusOr<size_t> Http1Head::FindEnd(std::span<const uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint8_t byte = bytes[i];
    if (!Allowed(byte)) {
      // What comes before decides first, however the bytes are cut.
      HAWSER_RETURN_IF_ERROR(Parse(bytes.first(i)));
      return Malformed("unexpected byte " + std::to_string(byte) + " in line " +
                       std::to_string(lines_ + 1));
    }
    last_ = byte;
    if (byte == '\n') {
      if (line_empty_) return i + 1;
      ++lines_;
      line_empty_ = true;
    } else if (byte != '\r') {
      line_empty_ = false;
      if (byte == ' ' && lines_ == 0) ++spaces_;
    }
  }
  return bytes.size();
}

bool Http1Head::Allowed(uint8_t byte) const {
  if ((last_ == '\r') != (byte == '\n')) return false;
  if (byte == '\n') return true;
  if (lines_ == 0) return byte == '\r' ? !line_empty_ : byte >= ' ' && byte < 0x7f;
  if (byte == ' ' || byte == '\t') return !line_empty_;  // a folded line
  return byte == '\r' || (byte > ' ' && byte != 0x7f);
}

absl::Status Http1Head::Parse(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return absl::OkStatus();  // to the parser it would mean the end
  const size_t parsed = http_parser_execute(
      &parser_, Callbacks(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!refused_.ok()) return refused_;
  const http_errno error = HTTP_PARSER_ERRNO(&parser_);
  if (error != HPE_OK) return Malformed(http_errno_description(error));
  if (parsed != bytes.size()) return Malformed("ends too early");
  return absl::OkStatus();
}

absl::Status Http1Head::CheckRequestLine() const {
  if (parser_.http_major != 1) return Malformed("not HTTP/1");
  if (spaces_ != 2) return Malformed("spaces in the request line");
  return absl::OkStatus();
}

const http_parser_settings* Http1Head::Callbacks() {
  static const http_parser_settings callbacks = [] {
    http_parser_settings c;
    http_parser_settings_init(&c);
    c.on_url = [](http_parser* parser, const char* at, size_t size) {
      static_cast<Http1Head*>(parser->data)->target_.append(at, size);
      return 0;
    };
    c.on_header_field = [](http_parser* parser, const char* at, size_t size) {
      auto* self = static_cast<Http1Head*>(parser->data);
      if (self->value_begun_ && !self->AddField()) return 1;
      self->name_.append(at, size);
      return 0;
    };
    c.on_header_value = [](http_parser* parser, const char* at, size_t size) {
      auto* self = static_cast<Http1Head*>(parser->data);
      self->value_begun_ = true;
      self->value_.append(at, size);
      return 0;
    };
    c.on_headers_complete = [](http_parser* parser) {
      auto* self = static_cast<Http1Head*>(parser->data);
      if (self->value_begun_ && !self->AddField()) return -1;
      self->refused_ = self->CheckRequestLine();
      self->complete_ = self->refused_.ok();
      return 2;  // stop behind the head, whatever it announces
    };
    return c;
  }();
  return &callbacks;
}

// Returns false when the field is refused.
bool Http1Head::AddField() {
  value_begun_ = false;
  std::string name = std::exchange(name_, {});
  std::string value = std::exchange(value_, {});
  if (!IsToken(name)) {
    refused_ = Malformed("a header field's name is no token");
  } else if (headers_.entries().size() == kMaxFields) {
    refused_ = absl::ResourceExhaustedError("http request: more than " +
                                            std::to_string(kMaxFields) + " header fields");
  } else {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    while (!value.empty() && IsBlank(value.back())) value.pop_back();
    value.erase(value.begin(), std::find_if_not(value.begin(), value.end(), IsBlank));
    headers_.Add(std::move(name), std::move(value));
  }
  return refused_.ok();
}

}  // namespace hawser::net
