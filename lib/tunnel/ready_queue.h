// Whose turn it is to be pulled, as in fq_codel (RFC 8290 section 4.1): connections that had
// nothing more at their last turn (keystrokes, requests, first answers) go ahead of those that had.
// Of what is sent while both wait, the latter still get a third.
#pragma once

#include <cstddef>

#include "lib/tunnel/connection.h"
#include "lib/tunnel/connection_list.h"

namespace hawser::tunnel {

class ReadyQueue {
 public:
  bool empty() const { return sparse_.empty() && bulk_.empty(); }
  // A no-op when it waits already.
  void Add(Connection& connection) { ListOf(connection).PushBack(connection); }
  // A no-op when it does not wait.
  void Remove(Connection& connection) { ListOf(connection).Remove(connection); }
  // Takes the next one out; null when nobody waits. Follow with Served().
  Connection* Next() {
    const bool ahead = !sparse_.empty() && (bulk_.empty() || sparse_bytes_ < kSparseTurn);
    return (ahead ? sparse_ : bulk_).PopFront();
  }
  // The connection that Next() gave has sent `bytes`, and has more or not.
  void Served(Connection& connection, size_t bytes, bool more) {
    sparse_bytes_ = connection.bulk_ ? 0 : sparse_bytes_ + bytes;
    connection.bulk_ = more;
    if (more) bulk_.PushBack(connection);
  }

 private:
  // Of connections that go ahead, before one of the others has its turn of 16 KiB at least.
  static constexpr size_t kSparseTurn = 32 * 1024;

  using List = ConnectionList<&Connection::ready_hook_>;
  List& ListOf(const Connection& connection) { return connection.bulk_ ? bulk_ : sparse_; }

  List sparse_;
  List bulk_;
  size_t sparse_bytes_ = 0;  // since a turn of the bulk
};

}  // namespace hawser::tunnel
