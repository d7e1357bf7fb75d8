// An intrusive FIFO of connections: taking a place, giving it up and taking the first are O(1) and
// allocate nothing. A connection can stand in one list per hook.
#pragma once

#include <cstddef>

namespace hawser::tunnel {

class Connection;

struct ConnectionHook {
  Connection* previous = nullptr;
  Connection* next = nullptr;
  bool listed = false;
};

// `Hook` names the member, e.g. ConnectionList<&Connection::ready_hook_>.
template <auto Hook>
class ConnectionList {
 public:
  bool empty() const { return first_ == nullptr; }
  Connection* first() const { return first_; }
  size_t size() const { return size_; }

  // A no-op when it is in the list already.
  void PushBack(Connection& connection) {
    ConnectionHook& hook = connection.*Hook;
    if (hook.listed) return;
    hook = {last_, nullptr, true};
    (last_ != nullptr ? (last_->*Hook).next : first_) = &connection;
    last_ = &connection;
    ++size_;
  }

  // A no-op when it is not in the list.
  void Remove(Connection& connection) {
    ConnectionHook& hook = connection.*Hook;
    if (!hook.listed) return;
    (hook.previous != nullptr ? (hook.previous->*Hook).next : first_) = hook.next;
    (hook.next != nullptr ? (hook.next->*Hook).previous : last_) = hook.previous;
    hook = {};
    --size_;
  }

  Connection* PopFront() {
    Connection* connection = first_;
    if (connection != nullptr) Remove(*connection);
    return connection;
  }

 private:
  Connection* first_ = nullptr;
  Connection* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hawser::tunnel
