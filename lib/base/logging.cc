#include "lib/base/logging.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

#include "lib/base/log_output.h"
#include "lib/base/status.h"

namespace hawser::base {
namespace {

constexpr mode_t kFileMode = 0640;

// glog calls send() under its own lock, one line at a time.
class LineSink final : public google::LogSink {
 public:
  LineSink(const LogOptions& options, int file)
      : options_(options), stderr_(STDERR_FILENO, options.format) {
    if (file >= 0) file_.emplace(file, options.format);
  }

  void send(google::LogSeverity severity, const char* path, const char* name, int line,
            const google::LogMessageTime& time, const char* message, size_t size) override {
    const std::string text = LogLine(options_.format, options_.headers,
                                     {.severity = severity,
                                      .file = options_.folders ? WithFolder(path) : name,
                                      .line = line,
                                      .time = time,
                                      .thread = gettid(),
                                      .message = std::string(message, size)});
    if (severity >= options_.stderr_from) stderr_.Write(text);
    if (file_) file_->Write(text);
  }
  using google::LogSink::send;

 private:
  static std::string WithFolder(const std::filesystem::path& path) {
    return path.parent_path().filename() / path.filename();
  }

  const LogOptions options_;
  LogOutput stderr_;
  std::optional<LogOutput> file_;
};

void TakeStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    // open() gives the lowest free number, which is this one.
    if (fcntl(fd, F_GETFD) == -1) open("/dev/null", O_RDWR);
}

}  // namespace

absl::Status InitLogging(const char* program, const LogOptions& options) {
  TakeStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  int file = -1;
  if (!options.file.empty()) {
    file = open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode);
    if (file < 0) return ErrnoStatus(errno, "open log file " + options.file);
  }

  google::InitGoogleLogging(program);
  // glog's own ways out are closed: it writes to stderr with stdio, which blocks.
  FLAGS_logtostderr = false;
  FLAGS_logtostdout = false;
  FLAGS_alsologtostderr = false;
  FLAGS_stderrthreshold = google::NUM_SEVERITIES;
  for (int severity = 0; severity < google::NUM_SEVERITIES; ++severity)
    google::SetLogDestination(severity, "");
  // Logs until the very end, so it is never destroyed.
  google::AddLogSink(new LineSink(options, file));
  return absl::OkStatus();
}

}  // namespace hawser::base
