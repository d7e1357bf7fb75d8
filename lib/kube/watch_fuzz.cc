#include <glog/logging.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lib/kube/object.h"
#include "lib/kube/watch.h"

using hawser::kube::LineSplitter;
using hawser::kube::ParseWatchEvent;
using hawser::kube::WatchEvent;

namespace {

constexpr size_t kMaxLine = 1024;

// The lines of a stream that comes in parts of `part` bytes, up to the first that is too long.
std::vector<std::string> Lines(const std::string& stream, size_t part) {
  std::vector<std::string> lines;
  LineSplitter splitter(kMaxLine);
  for (size_t at = 0; at < stream.size(); at += part) {
    const absl::Status status = splitter.Add(stream.substr(at, part), [&](const std::string& line) {
      lines.push_back(line);
      return absl::OkStatus();
    });
    if (!status.ok()) break;
  }
  return lines;
}

}  // namespace

// Lines do not depend on how the stream was cut; an event has what an informer relies on.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string stream(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = Lines(stream, 7);
  CHECK(lines == Lines(stream, stream.size() + 1));
  for (const std::string& line : lines) {
    CHECK(!line.empty() && line.size() <= kMaxLine && line.find('\n') == std::string::npos);
    const auto event = ParseWatchEvent(line);
    if (!event.ok()) continue;
    CHECK(!hawser::kube::ResourceVersionOf(event->object).empty());
    if (event->type != WatchEvent::Type::kBookmark)
      CHECK(!hawser::kube::NameOf(event->object).name.empty());
  }
  return 0;
}
