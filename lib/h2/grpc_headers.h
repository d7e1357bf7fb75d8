// gRPC's use of HTTP/2 header fields: header blocks, statuses, percent coding, timeouts.
// Source: github.com/grpc/grpc doc/PROTOCOL-HTTP2.md and doc/http-grpc-status-mapping.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/base/scheduler.h"
#include "lib/net/message_stream.h"

namespace hawser::h2 {

// A header block as it arrives: pseudo headers apart, everything else as metadata.
class HeaderBlock {
 public:
  // Forgets what was there; the next block may take `limit` bytes.
  void Begin(size_t limit);
  // False when the field exceeds the limit, counted as RFC 9113 section 6.5.2 does (32 bytes per
  // field beside name and value).
  [[nodiscard]] bool Add(std::string_view name, std::string_view value);

  std::string method;  // ":method"
  std::string path;    // ":path"
  std::string status;  // ":status"
  net::Metadata metadata;

 private:
  size_t space_ = 0;
};

// Whether a content-type is gRPC's: "application/grpc", alone or with a "+suffix" or parameters.
bool IsGrpcContentType(std::string_view content_type);

// grpc-message: bytes outside printable ASCII, and '%', become %XX.
std::string PercentEncode(std::string_view text);
// The reverse; invalid escapes stay as they are.
std::string PercentDecode(std::string_view text);

// grpc-timeout: at most 8 digits and a unit of H, M, S, m, u, n. Empty optional when malformed.
std::optional<base::Duration> ParseTimeout(std::string_view text);

// Appends grpc-status and, unless empty, grpc-message.
void AddStatus(const absl::Status& status, net::Metadata& fields);
// The result of a call from its last header block: grpc-status, or what its HTTP status means.
absl::Status CallStatus(const HeaderBlock& block);
// What a reset with an HTTP/2 error code means to the caller.
absl::Status ResetStatus(uint32_t http2_code);

}  // namespace hawser::h2
