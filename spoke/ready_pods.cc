#include "spoke/ready_pods.h"

#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/kube/backoff.h"
#include "lib/kube/conditions.h"
#include "lib/kube/tls_identity.h"

namespace hawser::spoke {
namespace {

constexpr std::chrono::seconds kRequestTimeout(10);
constexpr size_t kMaxAnswer = 16 * 1024 * 1024;  // bytes: some hundred pods

bool IsReady(const kube::Object& pod) {
  return !kube::IsBeingDeleted(pod) && kube::IsConditionTrue(pod, "Ready");
}

}  // namespace

ReadyPods::ReadyPods(kube::Config config, std::string ns, std::string label_selector)
    : ns_(std::move(ns)),
      label_selector_(std::move(label_selector)),
      client_(std::move(config), {.timeout = kRequestTimeout, .max_answer = kMaxAnswer}),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

ReadyPods::~ReadyPods() {
  thread_.request_stop();
  thread_.join();
}

void ReadyPods::Choose(Done done) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(done));
  asked_.notify_one();
}

void ReadyPods::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (asked_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    Done done = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    absl::StatusOr<Choice> choice = ChooseNow(stop);
    if (stop.stop_requested()) return;
    done(std::move(choice));
    lock.lock();
  }
}

absl::StatusOr<ReadyPods::Choice> ReadyPods::ChooseNow(const std::stop_token& stop) {
  Choice choice;
  HAWSER_ASSIGN_OR_RETURN(choice.pod, ReadyPod(stop));
  HAWSER_ASSIGN_OR_RETURN(choice.credential, config().credentials->Get());
  if (!config().server.tls) return choice;
  HAWSER_ASSIGN_OR_RETURN(
      choice.tls,
      net::TlsContext::Client({.system_roots = true, .alpn = {"http/1.1"}, .require_alpn = false}));
  HAWSER_RETURN_IF_ERROR(kube::SetUpTlsIdentity(choice.tls->get(), config(), choice.credential));
  return choice;
}

absl::StatusOr<std::string> ReadyPods::ReadyPod(const std::stop_token& stop) {
  const kube::Selection selection{
      .ns = ns_, .label_selector = label_selector_, .field_selector = "status.phase=Running"};
  HAWSER_ASSIGN_OR_RETURN(const kube::ObjectList list,
                          client_.List(kPods, selection, {.stop = stop}));
  std::vector<std::string> ready;
  for (const kube::Object& pod : list.items)
    if (IsReady(pod)) ready.push_back(kube::NameOf(pod).name);
  if (ready.empty())
    return absl::UnavailableError("no ready pod with the labels " + label_selector_ +
                                  " in namespace " + ns_);
  return ready[static_cast<size_t>(kube::Random() * static_cast<double>(ready.size()))];
}

}  // namespace hawser::spoke
