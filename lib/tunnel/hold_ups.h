// Who held up all others of a peer without windows lately, and what follows from that: a connection
// that goes for it is replaced by another one of the same owner's at once, or that owner has many
// from the start; or it has many users, of whom one was slow. Pure.
#pragma once

#include <map>
#include <memory>
#include <vector>

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
  // Nothing is dialled for it: for ten seconds, when there were six within a minute.
  bool Pauses(const Owner& owner, base::Time now) const;
  // One of its connections went for that.
  void Note(const Owner& owner, base::Time now);

 private:
  // Times within the last minute, the last one first; six at most.
  std::map<Owner, std::vector<base::Time>> times_;
};

}  // namespace hawser::tunnel
