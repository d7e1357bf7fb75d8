#include "cli/child_process.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

extern char** environ;

namespace hawser::cli {
namespace {

std::string ReadToEnd(int fd) {
  std::string all;
  std::array<char, 65536> chunk;
  for (ssize_t bytes; (bytes = read(fd, chunk.data(), chunk.size())) > 0;)
    all.append(chunk.data(), static_cast<size_t>(bytes));
  close(fd);
  return all;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command) {
  int in[2];
  int out[2];
  int err[2];
  PCHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int error = posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  CHECK_EQ(error, 0) << "cannot start " << command[0];
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  input_ = in[1];
  output_ = out[0];
  errors_ = std::async(std::launch::async, [fd = err[0]] { return ReadToEnd(fd); });
}

ChildProcess::~ChildProcess() {
  if (pid_ == 0) return;
  Kill();
  Wait();
}

void ChildProcess::WriteInput(const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = write(input_, bytes.data() + done, bytes.size() - done);
    PCHECK(written > 0) << "write to the child";
    done += static_cast<size_t>(written);
  }
}

void ChildProcess::CloseInput() {
  if (const int fd = std::exchange(input_, -1); fd >= 0) close(fd);
}

std::string ChildProcess::ReadLine() {
  std::string line;
  for (char c; read(output_, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

int ChildProcess::Wait() {
  CloseInput();
  out_ = ReadToEnd(output_);
  err_ = errors_.get();
  int status = 0;
  PCHECK(waitpid(std::exchange(pid_, 0), &status, 0) > 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void ChildProcess::Kill() { kill(pid_, SIGTERM); }

}  // namespace hawser::cli
