#include "lib/net/loop_thread.h"

#include <sys/resource.h>

#include <future>

namespace hawser::net {

void LoopThread::Start(int niceness) {
  thread_ = std::thread([this, niceness] {
    // Linux keeps a niceness per thread, and 0 means the calling one.
    if (niceness > 0) ::setpriority(PRIO_PROCESS, 0, niceness);
    loop_.Run();
  });
}

void LoopThread::Stop() {
  if (!thread_.joinable()) return;
  loop_.Stop();
  thread_.join();
}

void LoopThread::RunAndWait(base::Closure work) {
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

}  // namespace hawser::net
