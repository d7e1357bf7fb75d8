// A program started by a test, with pipes on its standard streams.
//
//   ChildProcess child({"cli/hawser", "version"});
//   EXPECT_EQ(child.Wait(), 0);
//   EXPECT_THAT(child.out(), HasSubstr("hawser"));
#pragma once

#include <sys/types.h>

#include <future>
#include <string>
#include <vector>

namespace hawser::cli {

class ChildProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& command);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Kills it when it still runs.
  ~ChildProcess();

  // Blocks until the child has taken everything.
  void WriteInput(const std::string& bytes);
  void CloseInput();
  // The next line of its output, without the newline; what there is at the end.
  std::string ReadLine();
  // Reads its output and errors to their ends; returns the exit code, or minus the signal.
  int Wait();
  void Kill();

  // After Wait(): what was not read before.
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
  int output_ = -1;
  std::future<std::string> errors_;
  std::string out_;
  std::string err_;
};

}  // namespace hawser::cli
