#include "lib/kube/exec_credential.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "lib/base/status.h"

namespace hawser::kube {
namespace {

// Expired a little before its time, so that a request on its way is not refused.
constexpr std::chrono::seconds kExpiryMargin(10);

std::string ExecInfo(const ExecSpec& spec) {
  Object info = {{"apiVersion", spec.api_version},
                 {"kind", "ExecCredential"},
                 {"spec", {{"interactive", false}}}};
  if (!spec.cluster.is_null()) info["spec"]["cluster"] = spec.cluster;
  return info.dump(-1, ' ', false, Object::error_handler_t::replace);
}

std::vector<std::string> Environment(const ExecSpec& spec) {
  std::vector<std::pair<std::string, std::string>> added = spec.environment;
  added.emplace_back("KUBERNETES_EXEC_INFO", ExecInfo(spec));
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string name(*variable, std::strcspn(*variable, "="));
    const auto replaces = [&](const auto& pair) { return pair.first == name; };
    if (std::none_of(added.begin(), added.end(), replaces)) all.emplace_back(*variable);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Starts the program with `output` as its standard output, in a process group of its own.
absl::StatusOr<pid_t> Spawn(const ExecSpec& spec, int output) {
  std::vector<std::string> arguments{spec.command};
  arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
  std::vector<std::string> environment = Environment(spec);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const auto drop_actions = absl::MakeCleanup([&] { posix_spawn_file_actions_destroy(&actions); });
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const auto drop_attributes = absl::MakeCleanup([&] { posix_spawnattr_destroy(&attributes); });
  sigset_t none, defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  pid_t child = 0;
  const int error = posix_spawnp(&child, spec.command.c_str(), &actions, &attributes,
                                 Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) return base::ErrnoStatus(error, "start");
  return child;
}

// glibc 2.36 declares pidfd_open() without its C linkage.
int OpenPidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), pidfd_(OpenPidfd(pid)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    Kill();
    if (pidfd_ >= 0) ::close(pidfd_);
  }

  // Readable when the child has ended.
  int pidfd() const { return pidfd_; }

  // The exit status, as of wait(). Also ends whatever the child left behind.
  int Kill() {
    if (pid_ == 0) return status_;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status_;
  }

 private:
  pid_t pid_;
  const int pidfd_;
  int status_ = 0;
};

// Reads what the child prints until it has ended.
absl::StatusOr<std::string> Collect(const ExecSpec& spec, const Child& child, int input) {
  const base::Time deadline = base::Clock::now() + spec.timeout;
  std::string output;
  bool open = true;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::Clock::now());
    if (left.count() <= 0) return absl::DeadlineExceededError("took too long and was killed");
    pollfd events[] = {{open ? input : -1, POLLIN, 0}, {child.pidfd(), POLLIN, 0}};
    if (::poll(events, 2, static_cast<int>(std::min<int64_t>(left.count(), 60'000))) < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, "poll");
    }
    if (events[0].revents != 0) {
      char buffer[4096];
      const ssize_t count = ::read(input, buffer, sizeof buffer);
      if (count > 0) output.append(buffer, static_cast<size_t>(count));
      open = count > 0;
      if (output.size() > spec.max_output)
        return absl::ResourceExhaustedError("printed more than " + std::to_string(spec.max_output) +
                                            " bytes");
    } else if (events[1].revents != 0) {
      return output;  // nothing more to read, even if the child's children hold the pipe
    }
  }
}

absl::StatusOr<std::string> Run(const ExecSpec& spec) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "make a pipe");
  const auto close_input = absl::MakeCleanup([&] { ::close(ends[0]); });
  const absl::StatusOr<pid_t> pid = Spawn(spec, ends[1]);
  ::close(ends[1]);
  if (!pid.ok()) return pid.status();
  Child child(*pid);
  if (child.pidfd() < 0) return base::ErrnoStatus(errno, "watch");
  HAWSER_ASSIGN_OR_RETURN(std::string output, Collect(spec, child, ends[0]));
  const int status = child.Kill();
  if (WIFSIGNALED(status))
    return absl::UnavailableError("was killed by signal " + std::to_string(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0)
    return absl::UnavailableError("exited with " + std::to_string(WEXITSTATUS(status)));
  return output;
}

absl::Status Invalid(const std::string& what) {
  return absl::InvalidArgumentError("its output is no ExecCredential: " + what);
}

}  // namespace

absl::StatusOr<ExecOutput> ParseExecCredential(const std::string& text,
                                               const std::string& api_version) {
  const Object object = Object::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return Invalid("not JSON");
  if (StringAt(object, {"kind"}) != "ExecCredential") return Invalid("kind is another");
  if (StringAt(object, {"apiVersion"}) != api_version)
    return Invalid("apiVersion is not " + api_version);
  ExecOutput output;
  output.credential.token = StringAt(object, {"status", "token"});
  output.credential.certificate_pem = StringAt(object, {"status", "clientCertificateData"});
  output.credential.key_pem = StringAt(object, {"status", "clientKeyData"});
  if (output.credential.certificate_pem.empty() != output.credential.key_pem.empty())
    return Invalid("only one of status.clientCertificateData and status.clientKeyData");
  if (output.credential == Credential())
    return Invalid("neither status.token nor status.clientCertificateData");
  for (const char c : output.credential.token)
    if (c <= ' ' || c >= '\x7f') return Invalid("status.token does not fit in a header");
  if (const Object* expiry = Find(object, {"status", "expirationTimestamp"});
      expiry != nullptr && !expiry->is_null()) {
    output.expires = ParseTimestamp(StringAt(object, {"status", "expirationTimestamp"}));
    if (!output.expires.has_value()) return Invalid("status.expirationTimestamp is no time");
  }
  return output;
}

absl::StatusOr<ExecOutput> RunExecCredential(const ExecSpec& spec) {
  const absl::StatusOr<std::string> text = Run(spec);
  absl::StatusOr<ExecOutput> output =
      text.ok() ? ParseExecCredential(*text, spec.api_version) : text.status();
  if (!output.ok()) return base::Annotate(output.status(), "credential program " + spec.command);
  return output;
}

absl::StatusOr<Credential> ExecCredentials::Get() {
  const std::lock_guard lock(mutex_);
  const bool fresh =
      kept_.has_value() && (!kept_->expires || now_() + kExpiryMargin < *kept_->expires);
  if (fresh) return kept_->credential;
  kept_.reset();
  HAWSER_ASSIGN_OR_RETURN(kept_, RunExecCredential(spec_));
  return kept_->credential;
}

void ExecCredentials::OnRefused(const Credential& refused) {
  const std::lock_guard lock(mutex_);
  if (kept_.has_value() && kept_->credential == refused) kept_.reset();
}

}  // namespace hawser::kube
