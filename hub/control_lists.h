// The lists of the control API for clients of the gRPC front end. A thread of its own makes them,
// since a snapshot waits for the shards.
//
//   auto permit = lists.Admit("client/alice");
//   lists.Get({ControlLists::List::kClusters}, *permit, [](ControlLists::Answer answer) { ... });
//
// Clients cannot keep the shards busy with it: one list is made at a time, and used again for nine
// times as long as it took, a second at most. Answers that are not taken hold little memory: an
// identity has kMaxCallsOfOne calls under way, all together kMaxCalls.
//
// Threads: any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/control/state_source.h"

namespace hawser::hub {

class ControlLists {
 public:
  static constexpr size_t kMaxCalls = 32;
  static constexpr size_t kMaxCallsOfOne = 4;

  enum class List { kClusters, kSessions };
  struct Request {
    List list;
    std::string cluster;  // whose sessions; empty: all
  };
  // A message behind gRPC's prefix.
  using Answer = absl::StatusOr<std::shared_ptr<const std::string>>;
  using Done = absl::AnyInvocable<void(Answer)>;

  // A call's place among those under way; returned when the last reference goes.
  class Permit {
   public:
    Permit(ControlLists& lists, std::string identity)
        : lists_(lists), identity_(std::move(identity)) {}
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() { lists_.Return(identity_); }

   private:
    ControlLists& lists_;
    const std::string identity_;
  };

  // `source` outlives Stop(), this outlives every permit.
  explicit ControlLists(control::StateSource& source,
                        std::function<base::Time()> now = base::Clock::now);
  ControlLists(const ControlLists&) = delete;
  ControlLists& operator=(const ControlLists&) = delete;
  ~ControlLists() { Stop(); }

  // kResourceExhausted when too many calls are under way.
  absl::StatusOr<std::shared_ptr<Permit>> Admit(const std::string& identity);
  // `done` runs once, on the thread of this; on the caller's with kUnavailable after Stop().
  void Get(Request request, std::shared_ptr<Permit> permit, Done done);
  // Waits for the list that is being made; the others that were asked for get kUnavailable.
  void Stop();

 private:
  struct Question {
    Request request;
    std::shared_ptr<Permit> permit;
    Done done;
  };

  void Return(const std::string& identity);
  void Work(const std::stop_token& stop);
  Answer Make(const Request& request);
  // When what took from `began` until now to make is too old.
  base::Time StaleFrom(base::Time began) const;

  control::StateSource& source_;
  const std::function<base::Time()> now_;

  std::mutex mutex_;
  std::condition_variable_any waiting_changed_;
  // Guarded by mutex_:
  std::deque<Question> waiting_;
  std::map<std::string, size_t> calls_;  // under way, by identity
  size_t all_calls_ = 0;
  bool stopped_ = false;

  // The thread's:
  Answer clusters_;
  base::Time clusters_stale_ = base::Time::min();
  std::vector<control::Session> sessions_;
  base::Time sessions_stale_ = base::Time::min();

  std::jthread thread_;
};

}  // namespace hawser::hub
