#include "lib/tunnel/reconnector.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace hawser::tunnel {

const char* StateName(Reconnector::State state) {
  switch (state) {
    case Reconnector::State::kWaiting: return "waiting";
    case Reconnector::State::kConnecting: return "connecting";
    case Reconnector::State::kUp: return "up";
    case Reconnector::State::kReplacing: return "replacing";
    case Reconnector::State::kDraining: return "draining";
  }
  return "unknown";
}

Reconnector::Reconnector(base::Scheduler& scheduler, const Backoff::Policy& policy, Random random,
                         Connect connect, Observer observer)
    : scheduler_(scheduler),
      random_(std::move(random)),
      connect_(std::move(connect)),
      observer_(std::move(observer)),
      backoff_(policy, scheduler.Now()),
      due_(scheduler) {}

Reconnector::~Reconnector() = default;

void Reconnector::Start() { On(Event::kDue); }

void Reconnector::Resume(const Backoff& backoff) {
  backoff_ = backoff;
  Wait();
}

void Reconnector::OnLostElsewhere(base::Time up_since) {
  if (backoff_.OnLostElsewhere(scheduler_.Now(), up_since) && state_ == State::kWaiting) Wait();
}

void Reconnector::OnUpElsewhere(base::Time up_since) {
  if (state_ != State::kWaiting || !backoff_.OnUpElsewhere(scheduler_.Now(), up_since)) return;
  led_elsewhere_ = true;
  Wait();
}

void Reconnector::Drain() { On(Event::kDrain); }

void Reconnector::Replace() {
  replace_attempt_ = attempt_ != nullptr;
  On(Event::kReplace);
}

bool Reconnector::drained() const { return state_ == State::kDraining && draining_.empty(); }

void Reconnector::On(Event event) {
  if (event == Event::kDrain) {
    due_.Cancel();
    attempt_.reset();
    state_ = State::kDraining;
    if (link_ != nullptr) Retire(std::move(link_));
    return;
  }
  switch (state_) {
    case State::kWaiting:
      if (event != Event::kDue) return;
      state_ = State::kConnecting;
      Attempt();
      return;
    case State::kConnecting:
      if (event == Event::kConnected) {
        state_ = State::kUp;
        link_ = std::move(attempt_);
        up_since_ = scheduler_.Now();
      } else if (event == Event::kFailed) {
        state_ = State::kWaiting;
        Wait();
      }
      return;
    case State::kUp:
      if (event == Event::kLost) {
        state_ = State::kWaiting;
        Wait();
      } else if (event == Event::kReplace) {
        state_ = State::kReplacing;
        AttemptSuccessor();
      }
      return;
    case State::kReplacing:
      if (event == Event::kDue) {
        Attempt();
      } else if (event == Event::kFailed) {
        Wait();
      } else if (event == Event::kLost) {
        state_ = attempt_ != nullptr ? State::kConnecting : State::kWaiting;
        // What was drawn for a successor is too long now that nothing serves.
        if (state_ == State::kWaiting) Wait();
      } else if (event == Event::kConnected) {
        state_ = State::kUp;
        backoff_.OnLost(scheduler_.Now(), up_since_);
        Retire(std::exchange(link_, std::move(attempt_)));
        up_since_ = scheduler_.Now();
      }
      return;
    case State::kDraining: return;
  }
}

void Reconnector::Attempt() {
  replace_attempt_ = false;
  attempt_ = connect_(*this);
}

void Reconnector::AttemptSuccessor() {
  if (backoff_.IsHealthy(scheduler_.Now(), up_since_)) {
    Attempt();
  } else {
    Wait();
  }
}

void Reconnector::Wait() {
  const base::Time now = scheduler_.Now();
  const bool elsewhere = std::exchange(led_elsewhere_, false);
  due_.Set(elsewhere ? backoff_.NextElsewhere(now, random_()) : backoff_.Next(now, random_()),
           [this] { On(Event::kDue); });
}

void Reconnector::Retire(std::unique_ptr<Link> link) {
  draining_.push_back(std::move(link));
  draining_.back()->Drain();
}

void Reconnector::OnUp(Link& link) {
  CHECK_EQ(attempt_.get(), &link);
  On(Event::kConnected);
  observer_(Change::kUp, absl::OkStatus());
  if (std::exchange(replace_attempt_, false)) On(Event::kReplace);
}

void Reconnector::OnLeaving(Link& link) {
  if (&link == link_.get()) On(Event::kReplace);
}

void Reconnector::OnDown(Link& link, const absl::Status& reason) {
  std::unique_ptr<Link> ended;  // destroyed last: it is the caller
  Change change = Change::kGone;
  if (&link == attempt_.get()) {
    ended = std::move(attempt_);
    change = Change::kFailed;
    led_elsewhere_ = absl::IsAlreadyExists(reason);
    On(Event::kFailed);
  } else if (&link == link_.get()) {
    ended = std::move(link_);
    backoff_.OnLost(scheduler_.Now(), up_since_);
    change = Change::kLost;
    On(Event::kLost);
  } else {
    const auto at = std::find_if(draining_.begin(), draining_.end(),
                                 [&link](const auto& other) { return other.get() == &link; });
    CHECK(at != draining_.end()) << "a link of nobody";
    ended = std::move(*at);
    draining_.erase(at);
  }
  observer_(change, reason);
}

}  // namespace hawser::tunnel
