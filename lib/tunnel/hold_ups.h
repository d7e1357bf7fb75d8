// Who held up all others of a peer without windows lately, and what follows from that: a connection
// that goes for it is replaced by another one of the same owner's at once, or that owner has many
// from the start; or it has many users, of whom one was slow. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "lib/base/scheduler.h"

namespace hawser::tunnel {

class MemoryBudget;

class HoldUps {
 public:
  using Owner = std::shared_ptr<MemoryBudget>;

  // For how long its connection that was opened at `opened` may take nothing while others wait:
  // `limit`, or a fifth of it where it goes on after two within a minute, or after four.
  base::Duration Patience(const Owner& owner, base::Time opened, base::Duration limit,
                          base::Time now) const;
  // These targets are not dialled for it: for ten seconds, when there were six within a minute,
  // what was dialled by those.
  bool Pauses(const Owner& owner, const std::string& target, base::Time now) const;
  // One of its connections, to `target`, went for that. Those that held up the others at the same
  // time count once.
  void Note(const Owner& owner, const std::string& target, base::Time now);

 private:
  struct HoldUp {
    base::Time time;
    std::set<std::string> targets;
  };
  static size_t Lately(const std::deque<HoldUp>& hold_ups, base::Time now);

  // The last one first; six at most.
  std::map<Owner, std::deque<HoldUp>> hold_ups_;
};

}  // namespace hawser::tunnel
