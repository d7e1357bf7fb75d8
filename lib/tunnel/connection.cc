#include "lib/tunnel/connection.h"

#include <utility>

#include "lib/tunnel/session.h"

namespace hawser::tunnel {

Connection::Connection(Session& session, int64_t id, std::shared_ptr<Endpoint> endpoint,
                       std::shared_ptr<MemoryBudget> memory)
    : session_(session),
      id_(id),
      endpoint_(std::move(endpoint)),
      memory_(std::move(memory)),
      opened_at_(session.stream()->scheduler().Now()),
      progress_at_(opened_at_),
      moved_at_(opened_at_),
      sent_at_(opened_at_),
      drained_at_(opened_at_) {}

void Connection::Ready() { session_.Ready(*this); }
void Connection::Delivered(size_t bytes) { session_.Delivered(*this, bytes); }
void Connection::Progressed(size_t bytes) { session_.Progressed(*this, bytes); }
void Connection::Close(const Failure& failure) { session_.CloseByUs(*this, &failure); }
void Connection::Close() { session_.CloseByUs(*this, nullptr); }
bool Connection::full() const {
  const SessionOptions& options = session_.options();
  if (session_.features().window) return window_.full();
  return queued_ >
         (options.one_connection ? session_.stream_window() / 2 : session_.PlainQueueCap(*this));
}

}  // namespace hawser::tunnel
