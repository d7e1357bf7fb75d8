#include "hub/control_lists.h"

#include <algorithm>
#include <utility>

#include "lib/net/message_stream.h"

namespace hawser::hub {
namespace {

constexpr int kRest = 9;  // times as long as a list took
constexpr base::Duration kLongestRest = std::chrono::seconds(1);
// Bytes; as much as lib/control's client takes. Agents choose how long their names are.
constexpr size_t kMaxAnswer = 64 * 1024 * 1024;

ControlLists::Answer Serialize(const google::protobuf::MessageLite& message) {
  if (message.ByteSizeLong() > kMaxAnswer)
    return absl::ResourceExhaustedError("the list has more than " + std::to_string(kMaxAnswer) +
                                        " bytes");
  return std::make_shared<const std::string>(net::FramedMessage(message.SerializeAsString()));
}

absl::Status Stopping() { return absl::UnavailableError("the hub is stopping"); }

}  // namespace

ControlLists::ControlLists(control::StateSource& source, std::function<base::Time()> now)
    : source_(source),
      now_(std::move(now)),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

absl::StatusOr<std::shared_ptr<ControlLists::Permit>> ControlLists::Admit(
    const std::string& identity) {
  const std::lock_guard lock(mutex_);
  const auto calls = calls_.find(identity);
  if (all_calls_ == kMaxCalls || (calls != calls_.end() && calls->second == kMaxCallsOfOne))
    return absl::ResourceExhaustedError("too many lists are asked for at the same time");
  ++calls_[identity];
  ++all_calls_;
  return std::make_shared<Permit>(*this, identity);
}

void ControlLists::Return(const std::string& identity) {
  const std::lock_guard lock(mutex_);
  const auto calls = calls_.find(identity);
  if (--calls->second == 0) calls_.erase(calls);
  --all_calls_;
}

void ControlLists::Get(Request request, std::shared_ptr<Permit> permit, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      waiting_.push_back({std::move(request), std::move(permit), std::move(done)});
      waiting_changed_.notify_one();
      return;
    }
  }
  done(Stopping());
}

void ControlLists::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void ControlLists::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    waiting_changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
    if (waiting_.empty()) return;
    Question question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    question.done(stop.stop_requested() ? Answer(Stopping()) : Make(question.request));
    question = {};  // returns the permit, which takes the lock
    lock.lock();
  }
}

base::Time ControlLists::StaleFrom(base::Time began) const {
  const base::Time now = now_();
  return now + std::min<base::Duration>(kRest * (now - began), kLongestRest);
}

ControlLists::Answer ControlLists::Make(const Request& request) {
  const base::Time began = now_();
  if (request.list == List::kClusters) {
    if (began < clusters_stale_) return clusters_;
    control::GetClustersResponse response;
    for (control::Cluster& cluster : source_.Clusters())
      *response.add_clusters() = std::move(cluster);
    clusters_ = Serialize(response);
    clusters_stale_ = StaleFrom(began);
    return clusters_;
  }
  if (began >= sessions_stale_) {
    sessions_ = source_.Sessions();
    sessions_stale_ = StaleFrom(began);
  }
  control::GetSessionsResponse response;
  for (const control::Session& session : sessions_)
    if (request.cluster.empty() || request.cluster == session.cluster())
      *response.add_sessions() = session;
  return Serialize(response);
}

}  // namespace hawser::hub
