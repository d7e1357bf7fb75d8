// Sets up glog for a daemon: LOG(INFO) and the rest go to stderr, one line each, in glog's format
//
//   I20261121 08:34:41.123456 28888 listener.cc:42] serving agents on 0.0.0.0:8091
//
// and whatever becomes of stderr (closed, a full disk, a pipe nobody reads) neither kills nor
// blocks the process.
#pragma once

namespace hawser::base {

// Once, at the start of main(): after the flags, before anything opens a descriptor or starts a
// thread. Also makes sure that descriptors 0 to 2 are taken, so that no socket can become stderr,
// and ignores the signals of failed writes (SIGPIPE, SIGXFSZ). `program` must outlive the process.
void InitLogging(const char* program);

}  // namespace hawser::base
