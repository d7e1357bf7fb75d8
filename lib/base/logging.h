// Sets up glog for a daemon: LOG(INFO) and the rest become lines as log_line.h describes, on stderr
// or in a file, and whatever becomes of these (closed, a full disk, a pipe nobody reads) neither
// kills nor blocks the process.
#pragma once

#include <glog/logging.h>

#include <string>

#include "absl/status/status.h"
#include "lib/base/log_line.h"

namespace hawser::base {

struct LogOptions {
  LogFormat format = LogFormat::kText;
  bool headers = true;
  bool folders = false;                            // source files are shown with their folder
  std::string file;                                // written beside stderr; empty: none
  google::LogSeverity stderr_from = google::INFO;  // what is below is not on stderr
};

// Once, at the start of main(): after the flags, before anything opens a descriptor or starts a
// thread. Also makes sure that descriptors 0 to 2 are taken, so that no socket can become stderr,
// and ignores the signals of failed writes (SIGPIPE, SIGXFSZ). `program` must outlive the process.
// Fails when the file cannot be opened.
absl::Status InitLogging(const char* program, const LogOptions& options = {});

}  // namespace hawser::base
