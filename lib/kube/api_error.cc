#include "lib/kube/api_error.h"

#include <algorithm>

#include "absl/strings/cord.h"

namespace hawser::kube {
namespace {

constexpr char kHttpStatus[] = "hawser/kube-http-status";
constexpr char kReason[] = "hawser/kube-reason";
constexpr size_t kMaxMessage = 1024;

absl::StatusCode CodeOf(int http_status, const std::string& reason) {
  switch (http_status) {
    case 401: return absl::StatusCode::kUnauthenticated;
    case 403: return absl::StatusCode::kPermissionDenied;
    case 404: return absl::StatusCode::kNotFound;
    case 405:
    case 501: return absl::StatusCode::kUnimplemented;
    case 409:
      return reason == "AlreadyExists" ? absl::StatusCode::kAlreadyExists
                                       : absl::StatusCode::kAborted;
    case 410: return absl::StatusCode::kOutOfRange;
    case 413:
    case 429: return absl::StatusCode::kResourceExhausted;
    case 408:
    case 504: return absl::StatusCode::kDeadlineExceeded;
    case 502:
    case 503: return absl::StatusCode::kUnavailable;
    default:
      return http_status >= 400 && http_status < 500 ? absl::StatusCode::kInvalidArgument
                                                     : absl::StatusCode::kInternal;
  }
}

std::string PayloadOf(const absl::Status& status, const char* name) {
  const auto payload = status.GetPayload(name);
  return payload.has_value() ? std::string(*payload) : "";
}

absl::Status MakeError(int http_status, const std::string& reason, const std::string& message) {
  std::string text = message.substr(0, kMaxMessage);
  if (text.empty()) text = "the API server answered " + std::to_string(http_status);
  if (!reason.empty()) text += " (" + reason.substr(0, 64) + ")";
  absl::Status error(CodeOf(http_status, reason), text);
  error.SetPayload(kHttpStatus, absl::Cord(std::to_string(http_status)));
  error.SetPayload(kReason, absl::Cord(reason));
  return error;
}

}  // namespace

absl::Status ApiError(int http_status, const std::string& body) {
  const Object status = Object::parse(body, nullptr, /*allow_exceptions=*/false);
  if (StringAt(status, {"kind"}) == "Status")
    return MakeError(http_status, StringAt(status, {"reason"}), StringAt(status, {"message"}));
  // Something else than the API server answered, or one of its filters: the first line may tell.
  const std::string line = body.substr(0, std::min(body.find('\n'), size_t{200}));
  const std::string answer = "the API server answered " + std::to_string(http_status);
  return MakeError(http_status, "", line.empty() ? answer : answer + ": " + line);
}

absl::Status ApiErrorFromObject(const Object& status) {
  const int64_t code = IntAt(status, {"code"}, 500);
  return MakeError(code >= 400 && code < 600 ? static_cast<int>(code) : 500,
                   StringAt(status, {"reason"}), StringAt(status, {"message"}));
}

absl::Status InContext(const absl::Status& status, const std::string& context) {
  if (status.ok()) return status;
  absl::Status result(status.code(), context + ": " + std::string(status.message()));
  status.ForEachPayload([&](const auto& type, const absl::Cord& payload) {
    result.SetPayload(type, absl::Cord(std::string(payload)));
  });
  return result;
}

int HttpStatusOf(const absl::Status& status) {
  const std::string text = PayloadOf(status, kHttpStatus);
  return text.empty() ? 0 : std::stoi(text);
}

std::string ReasonOf(const absl::Status& status) { return PayloadOf(status, kReason); }

bool IsConflict(const absl::Status& status) {
  return HttpStatusOf(status) == 409 && absl::IsAborted(status);
}

bool IsGone(const absl::Status& status) { return HttpStatusOf(status) == 410; }

}  // namespace hawser::kube
