// The API server's refusals as absl::Status.
//
//   const auto object = client.Update(kLeases, lease);
//   if (IsConflict(object.status())) ...  // somebody else wrote it first
//
// | HTTP | reason               | code               |
// |------|----------------------|--------------------|
// | 400  | BadRequest           | INVALID_ARGUMENT   |
// | 401  | Unauthorized         | UNAUTHENTICATED    |
// | 403  | Forbidden            | PERMISSION_DENIED  |
// | 404  | NotFound             | NOT_FOUND          |
// | 409  | AlreadyExists        | ALREADY_EXISTS     |
// | 409  | Conflict             | ABORTED            |
// | 410  | Gone, Expired        | OUT_OF_RANGE       |
// | 422  | Invalid              | INVALID_ARGUMENT   |
// | 429  | TooManyRequests      | RESOURCE_EXHAUSTED |
// | 503  | ServiceUnavailable   | UNAVAILABLE        |
// | 504  | Timeout              | DEADLINE_EXCEEDED  |
//
// and other statuses in their spirit.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "lib/kube/object.h"

namespace hawser::kube {

// What an answer with `http_status` of 400 or above says; `body` is perhaps a Status object. The
// message is "<server's message> (<reason>)", cut after 1 KiB.
absl::Status ApiError(int http_status, const std::string& body);
// The same for a Status object that came inside of a stream.
absl::Status ApiErrorFromObject(const Object& status);

// "context: message", with all else that the status carries.
absl::Status InContext(const absl::Status& status, const std::string& context);

// Of an error made here, else 0 and "".
int HttpStatusOf(const absl::Status& status);
std::string ReasonOf(const absl::Status& status);

// The object changed since it was read, or fields belong to another manager: read again, try again.
bool IsConflict(const absl::Status& status);
// A resource version or a continue token is too old: list again.
bool IsGone(const absl::Status& status);

}  // namespace hawser::kube
