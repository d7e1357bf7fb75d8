#include "hub/limits.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/numbers.h"
#include "lib/base/flag_values.h"
#include "lib/base/memory_limit.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"

DEFINE_string(handshake_timeout, "10s", "[Limits] a TLS handshake");
DEFINE_string(
    request_head_timeout, "10s",
    "[Limits] a CONNECT request's head, the dial of a gRPC stream, or an agent's first call");
DEFINE_int32(max_connections_per_address, 8192, "[Limits] TCP connections of one peer address");
DEFINE_int32(max_connections_per_identity, 65536,
             "[Limits] connections of one client, which has half of all clients' at most");
DEFINE_int32(max_sessions_per_cluster, 64,
             "[Limits] sessions, and connections, of the agents of one cluster");
DEFINE_int32(max_streams_per_connection, 1024,
             "[Limits] streams of one gRPC client connection; dials on more are refused");
DEFINE_int32(max_unfinished_handshakes, 256, "[Limits] unfinished TLS handshakes of one port");
DEFINE_int32(
    max_pending_dials, 4096,
    "[Limits] unanswered dials of one agent; one client has a quarter of them, 16 at least");
DEFINE_int32(descriptor_reserve, 256,
             "[Limits] descriptors that clients leave to agents, and agents to clients");
DEFINE_int64(max_buffered_bytes, 0,
             "[Limits] bytes queued for slow readers, in all; 0: a quarter of the memory that the "
             "container or machine has, at most 1 GiB");
DEFINE_int64(max_buffered_bytes_per_identity, 20 << 20,
             "[Limits] of these, for one client or cluster, a quarter of all at most");
DEFINE_int64(
    max_connection_bytes_per_identity, 16 << 20,
    "[Limits] memory for the connections of one client, idle ones too: 32 KiB each, 64 KiB "
    "with gRPC, 5 KiB a stream; Unix sockets are free. A quarter of --max-buffered-bytes "
    "at most");
DEFINE_int64(first_window, 256 * 1024, "[Limits] bytes a new connection may have on its way");
DEFINE_int64(max_window, 16 * 1024 * 1024, "[Limits] bytes a connection may have on its way");
DEFINE_string(
    idle_timeout, "0s",
    "[Limits] a connection without a byte in either direction for that long is reset; 0s: "
    "never");

namespace hawser::hub {
namespace {

using base::AtLeast;
using base::BadFlag;

constexpr const char* kLimits[] = {
    "handshake-timeout",
    "request-head-timeout",
    "max-connections-per-address",
    "max-connections-per-identity",
    "max-sessions-per-cluster",
    "max-streams-per-connection",
    "max-unfinished-handshakes",
    "max-pending-dials",
    "descriptor-reserve",
    "max-buffered-bytes",
    "max-buffered-bytes-per-identity",
    "max-connection-bytes-per-identity",
    "first-window",
    "max-window",
    "idle-timeout",
};

// The command line goes before the file.
class Source {
 public:
  explicit Source(const FileLimits& file) : file_(file) {}

  absl::StatusOr<base::Duration> Time(const char* name) const {
    return Placed(name, base::PositiveDuration(name, Text(name)));
  }
  absl::StatusOr<base::Duration> TimeOrNone(const char* name) const {
    return Placed(name, base::AnyDuration(name, Text(name)));
  }
  template <typename Integer>
  absl::StatusOr<Integer> Number(const char* name, Integer least) const {
    Integer value;
    const std::string text = Text(name);
    if (!absl::SimpleAtoi(text, &value))
      return Placed<Integer>(name, BadFlag(name, "not a number: " + base::Quote(text)));
    return Placed(name, AtLeast(name, value, least));
  }
  absl::StatusOr<uint64_t> Budget(const char* name) const {
    HAWSER_ASSIGN_OR_RETURN(const int64_t value, Number<int64_t>(name, 0));
    return Placed(name, base::BufferBudget(name, value));
  }

 private:
  // Null when the command line says what it is, or nobody.
  const FileLimit* InFile(const std::string& name) const {
    const auto entry = file_.find(name);
    return Flag(name).is_default && entry != file_.end() ? &entry->second : nullptr;
  }

  std::string Text(const std::string& name) const {
    const FileLimit* const limit = InFile(name);
    return limit != nullptr ? limit->text : Flag(name).current_value;
  }

  template <typename Value>
  absl::StatusOr<Value> Placed(const std::string& name, absl::StatusOr<Value> value) const {
    const FileLimit* const limit = InFile(name);
    if (value.ok() || limit == nullptr) return value;
    return base::Annotate(value.status(), limit->place);
  }

  static gflags::CommandLineFlagInfo Flag(std::string name) {
    std::replace(name.begin(), name.end(), '-', '_');
    return gflags::GetCommandLineFlagInfoOrDie(name.c_str());
  }

  const FileLimits& file_;
};

}  // namespace

std::vector<std::string> LimitNames() { return {std::begin(kLimits), std::end(kLimits)}; }

absl::StatusOr<Limits> ReadLimits(const FileLimits& file) {
  for (const auto& [name, limit] : file)
    if (std::find(std::begin(kLimits), std::end(kLimits), name) == std::end(kLimits))
      return absl::InvalidArgumentError(limit.place + ": unknown limit " + base::Quote(name));
  const Source source(file);
  Limits limits;
  HAWSER_ASSIGN_OR_RETURN(limits.handshake_timeout, source.Time("handshake-timeout"));
  HAWSER_ASSIGN_OR_RETURN(limits.request_head_timeout, source.Time("request-head-timeout"));
  HAWSER_ASSIGN_OR_RETURN(limits.connections_per_address,
                          source.Number("max-connections-per-address", 1));
  HAWSER_ASSIGN_OR_RETURN(limits.connections_per_identity,
                          source.Number("max-connections-per-identity", 1));
  HAWSER_ASSIGN_OR_RETURN(limits.streams_per_connection,
                          source.Number("max-streams-per-connection", 1));
  HAWSER_ASSIGN_OR_RETURN(limits.sessions_per_cluster,
                          source.Number("max-sessions-per-cluster", 1));
  HAWSER_ASSIGN_OR_RETURN(limits.unfinished_handshakes,
                          source.Number("max-unfinished-handshakes", 1));
  HAWSER_ASSIGN_OR_RETURN(limits.pending_dials, source.Number("max-pending-dials", 1));
  HAWSER_ASSIGN_OR_RETURN(limits.descriptor_reserve, source.Number("descriptor-reserve", 0));
  HAWSER_ASSIGN_OR_RETURN(limits.buffered_bytes, source.Budget("max-buffered-bytes"));
  HAWSER_ASSIGN_OR_RETURN(limits.buffered_bytes_per_identity,
                          source.Number<int64_t>("max-buffered-bytes-per-identity", 1024 * 1024));
  HAWSER_ASSIGN_OR_RETURN(limits.connection_bytes_per_identity,
                          source.Number<int64_t>("max-connection-bytes-per-identity", 1024 * 1024));
  HAWSER_ASSIGN_OR_RETURN(limits.first_window, source.Number<int64_t>("first-window", 64 * 1024));
  HAWSER_ASSIGN_OR_RETURN(limits.max_window,
                          source.Number<int64_t>("max-window", limits.first_window));
  HAWSER_ASSIGN_OR_RETURN(limits.idle_timeout, source.TimeOrNone("idle-timeout"));
  return limits;
}

std::vector<std::string> ChangedAtNextStart(const Limits& now, const Limits& next) {
  std::vector<std::string> names;
  const auto compare = [&names](const char* name, auto a, auto b) {
    if (a != b) names.push_back(name);
  };
  compare("handshake-timeout", now.handshake_timeout, next.handshake_timeout);
  compare("request-head-timeout", now.request_head_timeout, next.request_head_timeout);
  compare("max-streams-per-connection", now.streams_per_connection, next.streams_per_connection);
  compare("max-unfinished-handshakes", now.unfinished_handshakes, next.unfinished_handshakes);
  compare("first-window", now.first_window, next.first_window);
  compare("max-window", now.max_window, next.max_window);
  compare("idle-timeout", now.idle_timeout, next.idle_timeout);
  return names;
}

}  // namespace hawser::hub
