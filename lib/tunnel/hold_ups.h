// Who held up all others of a peer without windows lately, and how patient that makes us: a client
// whose connection goes for it may open another one at once, or have many from the start.
//
// Nothing is refused for it: behind one client there may be many users (a kube-apiserver's), of
// whom one was slow. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>

#include "lib/base/scheduler.h"

namespace hawser::tunnel {

class MemoryBudget;

class HoldUps {
 public:
  using Owner = std::shared_ptr<MemoryBudget>;

  // For how long its connection that was opened at `opened` may take nothing while others wait:
  // `limit` as a rule. When there were two within a minute, a fifth of it for what was opened after
  // the first of them; after four for all; after six a fiftieth for what was opened after the
  // first.
  base::Duration Patience(const Owner& owner, base::Time opened, base::Duration limit,
                          base::Time now) const;
  // Whether it was opened after the first of six within a minute: of those one at a time may make
  // others wait.
  bool OneAtATime(const Owner& owner, base::Time opened, base::Time now) const;
  // One of its connections went for that. Those that held up the others at the same time count
  // once.
  void Note(const Owner& owner, base::Time now);

 private:
  using Times = std::deque<base::Time>;
  static size_t Lately(const Times& times, base::Time now);

  // The last one first; six at most.
  std::map<Owner, Times> hold_ups_;
};

}  // namespace hawser::tunnel
