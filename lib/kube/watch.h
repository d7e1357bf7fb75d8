// What changes in a collection, as the API server tells it line by line.
#pragma once

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lib/kube/client.h"
#include "lib/kube/object.h"

namespace hawser::kube {

struct WatchEvent {
  // A bookmark only brings a newer resource version, in an object that has nothing else.
  enum class Type { kAdded, kModified, kDeleted, kBookmark };
  Type type = Type::kAdded;
  Object object;
};

// One line of a watch. The error in an ERROR event is the result: IsGone() when the resource
// version is too old. kInternal for anything that is no event.
absl::StatusOr<WatchEvent> ParseWatchEvent(const std::string& line);

// Makes lines of a stream's parts.
class LineSplitter {
 public:
  // The longest line, bytes without its end: several times what the API server stores for an
  // object.
  static constexpr size_t kMaxLine = 16 * 1024 * 1024;
  explicit LineSplitter(size_t max_line = kMaxLine) : max_line_(max_line) {}

  using Sink = absl::FunctionRef<absl::Status(const std::string& line)>;
  // Hands out each line that `part` completes, empty ones excepted; stops at the first error.
  // kResourceExhausted when a line is too long.
  absl::Status Add(const std::string& part, Sink sink);

 private:
  const size_t max_line_;
  std::string line_;  // begun
};

struct WatchOptions {
  Selection selection;
  // What was seen already, of a list or an event.
  std::string resource_version;
  // When the server shall end the watch.
  std::chrono::seconds duration{300};
  // Called when the server has accepted the watch; may be null.
  std::function<void()> on_open;
};

using WatchSink = absl::FunctionRef<absl::Status(WatchEvent event)>;

// Calls `sink` for each event until the server ends the watch (OK), an error, an error of the sink,
// or a stop. Bookmarks are asked for.
absl::Status Watch(Client& client, const Resource& resource, const WatchOptions& options,
                   WatchSink sink, const std::stop_token& stop);

}  // namespace hawser::kube
