#include "lib/kube/watch.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/kube/api_error.h"

namespace hawser::kube {
namespace {

// The server ends the watch in time by itself; a while later we do.
constexpr std::chrono::seconds kGrace(30);

}  // namespace

absl::StatusOr<WatchEvent> ParseWatchEvent(const std::string& line) {
  Object event = Object::parse(line, nullptr, /*allow_exceptions=*/false);
  if (event.is_discarded()) return absl::InternalError("watch: a line is not JSON");
  const Object* object = Find(event, {"object"});
  if (object == nullptr || !object->is_object())
    return absl::InternalError("watch: an event without an object");
  const std::string type = StringAt(event, {"type"});
  if (type == "ERROR") return ApiErrorFromObject(*object);
  WatchEvent result;
  if (type == "ADDED") {
    result.type = WatchEvent::Type::kAdded;
  } else if (type == "MODIFIED") {
    result.type = WatchEvent::Type::kModified;
  } else if (type == "DELETED") {
    result.type = WatchEvent::Type::kDeleted;
  } else if (type == "BOOKMARK") {
    result.type = WatchEvent::Type::kBookmark;
  } else {
    return absl::InternalError("watch: an event of no known type");
  }
  if (ResourceVersionOf(*object).empty())
    return absl::InternalError("watch: an object without a resource version");
  if (result.type != WatchEvent::Type::kBookmark && NameOf(*object).name.empty())
    return absl::InternalError("watch: an object without a name");
  result.object = std::move(event["object"]);
  return result;
}

absl::Status LineSplitter::Add(const std::string& part, Sink sink) {
  size_t begin = 0;
  for (;;) {
    const size_t end = part.find('\n', begin);
    const size_t size = (end == std::string::npos ? part.size() : end) - begin;
    if (line_.size() + size > max_line_)
      return absl::ResourceExhaustedError("a line is longer than " + std::to_string(max_line_) +
                                          " bytes");
    line_.append(part, begin, size);
    if (end == std::string::npos) return absl::OkStatus();
    if (!line_.empty()) HAWSER_RETURN_IF_ERROR(sink(line_));
    line_.clear();
    begin = end + 1;
  }
}

absl::Status Watch(Client& client, const Resource& resource, const WatchOptions& options,
                   WatchSink sink, const std::stop_token& stop) {
  const std::string what = "watch " + resource.Text();
  HAWSER_ASSIGN_OR_RETURN(const std::string path, CollectionPath(resource, options.selection.ns));
  const std::string target =
      path + SelectionQuery(options.selection) +
      "watch=true&allowWatchBookmarks=true&resourceVersion=" + UrlEscape(options.resource_version) +
      "&timeoutSeconds=" + std::to_string(options.duration.count());
  LineSplitter lines;
  const auto on_line = [&](const std::string& line) -> absl::Status {
    HAWSER_ASSIGN_OR_RETURN(WatchEvent event, ParseWatchEvent(line));
    return sink(std::move(event));
  };
  const absl::Status status = client.Stream(target,
                                            [&](const std::string& part) {
                                              if (part.empty() && options.on_open)
                                                options.on_open();
                                              return lines.Add(part, on_line);
                                            },
                                            {.timeout = options.duration + kGrace, .stop = stop});
  return InContext(status, what);
}

}  // namespace hawser::kube
