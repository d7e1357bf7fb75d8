#include "hub/shard.h"

#include <future>
#include <utility>

namespace hawser::hub {

Shard::~Shard() { Stop(); }

void Shard::Start() {
  thread_ = std::thread([this] { loop_.Run(); });
}

void Shard::Stop() {
  if (!thread_.joinable()) return;
  loop_.Stop();
  thread_.join();
}

void Shard::RunAndWait(base::Closure work) {
  if (!thread_.joinable()) {
    loop_.RunTurn(work);
    return;
  }
  std::promise<void> done;
  loop_.Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace hawser::hub
