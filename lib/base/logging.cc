#include "lib/base/logging.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <unistd.h>

#include <csignal>

#include "lib/base/log_output.h"

namespace hawser::base {
namespace {

// glog calls send() under its own lock, one line at a time.
class StderrSink final : public google::LogSink {
 public:
  void send(google::LogSeverity severity, const char*, const char* file, int line,
            const google::LogMessageTime& time, const char* message, size_t size) override {
    output_.Write(ToString(severity, file, line, time, message, size));
  }
  using google::LogSink::send;

 private:
  LogOutput output_{STDERR_FILENO};
};

void TakeStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    // open() gives the lowest free number, which is this one.
    if (fcntl(fd, F_GETFD) == -1) open("/dev/null", O_RDWR);
}

}  // namespace

void InitLogging(const char* program) {
  TakeStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);

  google::InitGoogleLogging(program);
  // glog's own ways out are closed: it writes to stderr with stdio, which blocks.
  FLAGS_logtostderr = false;
  FLAGS_logtostdout = false;
  FLAGS_alsologtostderr = false;
  FLAGS_stderrthreshold = google::NUM_SEVERITIES;
  for (int severity = 0; severity < google::NUM_SEVERITIES; ++severity)
    google::SetLogDestination(severity, "");
  google::AddLogSink(new StderrSink);  // logs until the very end, so it is never destroyed
}

}  // namespace hawser::base
