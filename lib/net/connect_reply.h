// The answer to CONNECT, or to a request to upgrade, as much of it as matters: the status, fields,
// and where the head ends.
//
//   ConnectReply reply;
//   while (!reply.complete()) {
//     ... read bytes ...
//     HAWSER_ASSIGN_OR_RETURN(const size_t used, reply.Feed(bytes));
//     bytes = bytes.subspan(used);  // left when complete: what follows the head
//   }
//
// Threads: none of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/net/message_stream.h"

namespace hawser::net {

class ConnectReply {
 public:
  // Size of a whole head, in bytes.
  static constexpr size_t kMaxBytes = 16 * 1024;

  // Takes bytes up to the end of the head and returns how many it took. kInvalidArgument for what
  // is no answer of HTTP/1, kResourceExhausted beyond the limit; the reply is of no more use then.
  // Where the bytes are cut does not change the result.
  absl::StatusOr<size_t> Feed(std::span<const uint8_t> bytes);
  bool complete() const { return complete_; }

  // Valid when complete: 100 to 999, and the words behind it, which are the peer's own.
  int status() const { return status_; }
  const std::string& reason() const { return reason_; }
  // Names in lower case, values without the space around them. What is no field is not there.
  const Metadata& fields() const { return fields_; }

 private:
  absl::Status EndLine();
  absl::Status ParseStatusLine();
  void AddField();

  std::string line_;  // that is being read, without its end
  size_t size_ = 0;   // bytes taken
  bool status_line_ended_ = false;
  bool after_return_ = false;
  bool complete_ = false;
  int status_ = 0;
  std::string reason_;
  Metadata fields_;
};

}  // namespace hawser::net
