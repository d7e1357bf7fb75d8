#include "lib/tunnel/features.h"

#include <algorithm>
#include <charconv>

namespace hawser::tunnel {
namespace {

constexpr char kFeaturesHeader[] = "hawser-features";
constexpr char kWindowHeader[] = "hawser-window";
constexpr int64_t kMinWindow = 16 * 1024;
constexpr int64_t kMaxWindow = 64 * 1024 * 1024;

bool Lists(const std::string& list, const std::string& feature) {
  size_t begin = 0;
  while (begin <= list.size()) {
    const size_t end = std::min(list.find(',', begin), list.size());
    if (list.compare(begin, end - begin, feature) == 0) return true;
    begin = end + 1;
  }
  return false;
}

// Zero when there is no usable window.
int64_t ParseWindow(const std::string& text) {
  int64_t window = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), window);
  if (error != std::errc() || end != text.data() + text.size() || window <= 0) return 0;
  return std::clamp(window, kMinWindow, kMaxWindow);
}

void Write(net::Metadata& headers, const Features& features, int64_t window) {
  std::string list;  // sorted
  const auto add = [&list](bool has, const char* name) {
    if (has) list += (list.empty() ? "" : ",") + std::string(name);
  };
  add(features.demand, "demand");
  add(features.early, "early");
  add(features.fin, "fin");
  add(features.reason, "reason");
  add(features.window, "window");
  if (list.empty()) return;
  headers.Add(kFeaturesHeader, list);
  if (features.window) headers.Add(kWindowHeader, std::to_string(window));
}

}  // namespace

void Offer(net::Metadata& headers, int64_t window, bool with_window) {
  Write(headers,
        {.window = with_window, .fin = true, .reason = true, .early = true, .demand = with_window},
        window);
}

Features Accept(const net::Metadata& peer, bool with_window) {
  const std::string list = peer.Get(kFeaturesHeader);
  Features features;
  features.fin = Lists(list, "fin");
  features.reason = Lists(list, "reason");
  features.early = Lists(list, "early");
  if (with_window && Lists(list, "window")) {
    features.peer_window = ParseWindow(peer.Get(kWindowHeader));
    features.window = features.peer_window > 0;
    features.demand = features.window && Lists(list, "demand");
  }
  return features;
}

void Answer(net::Metadata& headers, const Features& accepted, int64_t window) {
  Write(headers, accepted, window);
}

}  // namespace hawser::tunnel
