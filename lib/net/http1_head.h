// The head of one HTTP/1 request: request line and header fields, from a stranger.
//
//   Http1Head head;
//   while (!head.complete()) {
//     ... read bytes ...
//     HAWSER_ASSIGN_OR_RETURN(const size_t used, head.Feed(bytes));
//     bytes = bytes.subspan(used);  // left when complete: already what follows the head
//   }
//
// Stricter than RFC 9112 asks servers to be, because two readings of one head are how requests are
// smuggled: lines end in CRLF, single spaces in the request line, no folded header fields, no space
// before a colon, no control characters.
//
// Threads: none of its own.
#pragma once

#include <http_parser.h>

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "lib/net/message_stream.h"

namespace hawser::net {

class Http1Head {
 public:
  // Size of a whole head, in bytes, and number of its header fields.
  static constexpr size_t kMaxBytes = 16 * 1024;
  static constexpr size_t kMaxFields = 100;

  Http1Head();
  Http1Head(const Http1Head&) = delete;
  Http1Head& operator=(const Http1Head&) = delete;

  // Takes bytes up to the end of the head and returns how many it took. kInvalidArgument for what
  // is not a request (answer 400), kResourceExhausted beyond a limit (answer 431); the head is of
  // no more use then. Where the bytes are cut does not change the result.
  absl::StatusOr<size_t> Feed(std::span<const uint8_t> bytes);
  bool complete() const { return complete_; }

  // Valid when complete.
  std::string method() const;
  // As sent: "/path?query", or "host:port" for CONNECT.
  const std::string& target() const { return target_; }
  // Names in lower case, values without the space around them.
  const Metadata& headers() const { return headers_; }

 private:
  // How many of `bytes` belong to the head.
  absl::StatusOr<size_t> FindEnd(std::span<const uint8_t> bytes);
  bool Allowed(uint8_t byte) const;
  absl::Status Parse(std::span<const uint8_t> bytes);
  absl::Status CheckRequestLine() const;
  bool AddField();
  static const http_parser_settings* Callbacks();

  http_parser parser_;
  std::string target_;
  Metadata headers_;
  std::string name_, value_;  // of the field being read
  bool value_begun_ = false;
  size_t size_ = 0;  // bytes taken
  size_t lines_ = 0;
  size_t spaces_ = 0;  // in the request line
  uint8_t last_ = '\n';
  bool line_empty_ = true;
  bool complete_ = false;
  absl::Status refused_;  // by a callback
};

}  // namespace hawser::net
