#include "hub/relay.h"

#include <mutex>
#include <optional>
#include <utility>

#include "lib/net/byte_queue.h"
#include "lib/tunnel/connection.h"

namespace hawser::hub {
namespace {

using tunnel::Failure;
using tunnel::Pulled;

class End;

// What the two ends share. Each field belongs to the end that writes it; the other reads it.
struct Shared {
  struct Side {
    explicit Side(const std::shared_ptr<tunnel::MemoryBudget>& memory) : charge(memory) {}
    net::ByteQueue bytes;  // for the other end to pull
    tunnel::MemoryCharge charge;
    bool end = false;     // nothing follows `bytes`
    bool closed = false;  // the connection of this end is gone, because of `failure` if any
    std::optional<Failure> failure;
    size_t pulled = 0;         // bytes that the other end has taken since this one looked
    bool wake_posted = false;  // a turn of this end is on its way
  };

  explicit Shared(const std::shared_ptr<tunnel::MemoryBudget>& memory)
      : sides{Side(memory), Side(memory)} {}

  std::mutex mutex;
  Side sides[2];
  std::weak_ptr<End> ends[2];
};

class End final : public tunnel::Endpoint, public std::enable_shared_from_this<End> {
 public:
  End(base::Scheduler& scheduler, base::Scheduler& other_scheduler, std::shared_ptr<Shared> shared,
      size_t index)
      : scheduler_(scheduler),
        other_scheduler_(other_scheduler),
        shared_(std::move(shared)),
        index_(index) {}

  void OnOpen(tunnel::Connection& connection) override {
    connection_ = &connection;
    OnWake();
  }
  Pulled Pull(std::span<uint8_t> space) override;
  void Deliver(std::span<const uint8_t> bytes) override;
  void DeliverEnd() override;
  void OnClosed(const Failure* failure) override;
  tunnel::Presence Look() override;

 private:
  Shared::Side& mine() { return shared_->sides[index_]; }
  Shared::Side& other() { return shared_->sides[1 - index_]; }

  // Lets the other end look at the shared state, whose lock it releases.
  void WakeOther(std::unique_lock<std::mutex> lock);
  // The other end changed something.
  void OnWake();

  base::Scheduler& scheduler_;
  base::Scheduler& other_scheduler_;
  const std::shared_ptr<Shared> shared_;
  const size_t index_;
  tunnel::Connection* connection_ = nullptr;
};

Pulled End::Pull(std::span<uint8_t> space) {
  std::unique_lock lock(shared_->mutex);
  Shared::Side& source = other();
  const size_t taken = source.bytes.Read(space);
  if (taken > 0) {
    source.charge.Set(source.bytes.memory());
    source.pulled += taken;
    const bool last = source.bytes.empty() && !source.end && !source.closed;
    WakeOther(std::move(lock));
    return {last ? Pulled::kDrained : Pulled::kBytes, taken};
  }
  if (source.closed) {
    const std::optional<Failure> failure = source.failure;
    lock.unlock();
    if (failure) {
      connection_->Close(*failure);
    } else {
      connection_->Close();
    }
    return {Pulled::kDrained};
  }
  return {source.end ? Pulled::kEnd : Pulled::kDrained};
}

void End::Deliver(std::span<const uint8_t> bytes) {
  std::unique_lock lock(shared_->mutex);
  if (other().closed) {
    lock.unlock();
    connection_->Delivered(bytes.size());
    return;
  }
  mine().bytes.Append(bytes);
  mine().charge.Set(mine().bytes.memory());
  WakeOther(std::move(lock));
}

void End::DeliverEnd() {
  std::unique_lock lock(shared_->mutex);
  mine().end = true;
  WakeOther(std::move(lock));
}

void End::OnClosed(const Failure* failure) {
  connection_ = nullptr;
  std::unique_lock lock(shared_->mutex);
  mine().closed = true;
  if (failure != nullptr) mine().failure = *failure;
  // Nobody pulls these any more.
  other().pulled += other().bytes.size();
  other().bytes.Clear();
  other().charge.Set(0);
  WakeOther(std::move(lock));
}

tunnel::Presence End::Look() {
  const std::lock_guard lock(shared_->mutex);
  if (!other().closed) return tunnel::Presence::kHere;
  return other().bytes.empty() ? tunnel::Presence::kGone : tunnel::Presence::kLeft;
}

void End::WakeOther(std::unique_lock<std::mutex> lock) {
  const bool direct = &scheduler_ == &other_scheduler_;
  if (!direct && std::exchange(other().wake_posted, true)) return;
  const std::shared_ptr<End> end = shared_->ends[1 - index_].lock();
  lock.unlock();
  if (end == nullptr) return;
  if (direct) {
    end->OnWake();
  } else {
    other_scheduler_.Post([end] { end->OnWake(); });
  }
}

void End::OnWake() {
  std::unique_lock lock(shared_->mutex);
  mine().wake_posted = false;
  if (connection_ == nullptr) return;  // not open yet, or gone
  const size_t delivered = std::exchange(mine().pulled, 0);
  const bool bytes = !other().bytes.empty();
  const bool end = other().end;
  const bool closed = other().closed;
  const std::optional<Failure> failure = other().failure;
  lock.unlock();

  if (delivered > 0) connection_->Delivered(delivered);
  if (failure) {
    connection_->Close(*failure);
  } else if (closed && !bytes) {
    connection_->Close();
  } else if (bytes || end) {
    connection_->Ready();
  }
}

}  // namespace

Relay MakeRelay(base::Scheduler& client, base::Scheduler& agent,
                const std::shared_ptr<tunnel::MemoryBudget>& memory, std::string_view early) {
  const auto shared = std::make_shared<Shared>(memory);
  if (!early.empty()) {
    shared->sides[0].bytes.Append({reinterpret_cast<const uint8_t*>(early.data()), early.size()});
    shared->sides[0].charge.Set(shared->sides[0].bytes.memory());
  }
  const auto client_end = std::make_shared<End>(client, agent, shared, 0);
  const auto agent_end = std::make_shared<End>(agent, client, shared, 1);
  shared->ends[0] = client_end;
  shared->ends[1] = agent_end;
  return {client_end, agent_end};
}

}  // namespace hawser::hub
