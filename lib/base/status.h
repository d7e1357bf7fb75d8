// absl::Status with the three lines everybody needs around it.
#pragma once

#include <cctype>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"

namespace hawser::base {

inline constexpr char kErrnoPayload[] = "hawser/errno";

// "what: connection refused" and the like for an errno value, with the matching canonical code.
inline absl::Status ErrnoStatus(int error, const std::string& what) {
  std::string text = std::generic_category().message(error);
  text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  absl::Status status(absl::ErrnoToStatusCode(error), what + ": " + text);
  status.SetPayload(kErrnoPayload, absl::Cord(std::to_string(error)));
  return status;
}

// The errno value that ErrnoStatus() was given, for callers that tell refusals from time-outs; 0
// for any other status.
inline int ErrnoOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  return payload.has_value() ? std::stoi(std::string(*payload)) : 0;
}

// The status with "context: " put in front of its message; OK stays OK.
inline absl::Status Annotate(const absl::Status& status, const std::string& context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), context + ": " + std::string(status.message()));
}

}  // namespace hawser::base

#define HAWSER_RETURN_IF_ERROR(expr)                                                       \
  do {                                                                                     \
    if (absl::Status hawser_status_ = (expr); !hawser_status_.ok()) return hawser_status_; \
  } while (false)

#define HAWSER_CONCAT_INNER_(a, b) a##b
#define HAWSER_CONCAT_(a, b) HAWSER_CONCAT_INNER_(a, b)
#define HAWSER_ASSIGN_OR_RETURN(lhs, expr) \
  HAWSER_ASSIGN_OR_RETURN_IMPL_(HAWSER_CONCAT_(hawser_or_, __LINE__), lhs, expr)
#define HAWSER_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) return tmp.status();                 \
  lhs = *std::move(tmp)
