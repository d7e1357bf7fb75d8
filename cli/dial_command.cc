// `hawser dial`: one connection, joined to stdin and stdout.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "cli/command.h"
#include "cli/dialer_options.h"
#include "lib/base/host_port.h"
#include "lib/base/status.h"
#include "lib/client/dial_error.h"

namespace hawser::cli {
namespace {

constexpr size_t kChunk = 128 * 1024;
constexpr base::Duration kDrainLimit = std::chrono::seconds(90);

struct Options {
  std::string address;
  std::string timeout = "10s";
};

// Until stdin ends, which the target then sees, or nobody takes the bytes any more, which the
// other direction reports.
void Upload(client::Stream& stream) {
  std::array<char, kChunk> chunk;
  for (;;) {
    const ssize_t bytes = read(STDIN_FILENO, chunk.data(), chunk.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      // The target must not take what it has got for the whole: the tunnel breaks with the process.
      std::perror("hawser: read from stdin");
      std::_Exit(1);
    }
    if (bytes == 0) break;
    if (!stream.Write({chunk.data(), static_cast<size_t>(bytes)}).ok()) return;
  }
  stream.CloseWrite().IgnoreError();
}

absl::Status WriteOut(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return base::ErrnoStatus(errno, "write to stdout");
    }
  }
  return absl::OkStatus();
}

absl::Status Download(client::Stream& stream) {
  std::array<char, kChunk> chunk;
  for (;;) {
    HAWSER_ASSIGN_OR_RETURN(const size_t bytes, stream.Read(chunk));
    if (bytes == 0) return absl::OkStatus();
    HAWSER_RETURN_IF_ERROR(WriteOut({chunk.data(), bytes}));
  }
}

// The target finished sending; what stdin still has is for it, unless a person sits there.
absl::Status AwaitUpload(const client::Stream& stream) {
  if (isatty(STDIN_FILENO) != 0) return absl::OkStatus();
  pollfd hang_up{stream.fd(), 0, 0};
  while (poll(&hang_up, 1, -1) < 0 && errno == EINTR) {
  }
  const auto failure = stream.failure();
  if (!failure.has_value()) return absl::OkStatus();
  return client::DialError("write to", stream.address(), *failure);
}

// A cluster's name alone leads to its kube-apiserver, at any port: this is the usual one.
absl::StatusOr<std::string> WithPort(const std::string& address) {
  const std::string complete = address.find(':') == std::string::npos ? address + ":443" : address;
  HAWSER_RETURN_IF_ERROR(base::ParseHostPort(complete).status());
  return complete;
}

absl::Status Dial(const GlobalOptions& global, const Options& options) {
  HAWSER_ASSIGN_OR_RETURN(const std::string address, WithPort(options.address));
  HAWSER_ASSIGN_OR_RETURN(const auto dial, ParseDialOptions(options.timeout));
  HAWSER_ASSIGN_OR_RETURN(const auto dialer, MakeDialer(global));
  HAWSER_ASSIGN_OR_RETURN(client::Stream dialled, dialer->Dial(address, dial));
  // A read from a terminal cannot be ended: the thread is left behind, and keeps the stream.
  const auto stream = std::make_shared<client::Stream>(std::move(dialled));
  std::thread([stream] { Upload(*stream); }).detach();
  HAWSER_RETURN_IF_ERROR(Download(*stream));
  close(STDOUT_FILENO);  // whoever reads it sees the end now
  HAWSER_RETURN_IF_ERROR(AwaitUpload(*stream));
  const bool person = isatty(STDIN_FILENO) != 0;
  if (!dialer->Drain(person ? base::Duration::zero() : kDrainLimit) && !person)
    return absl::DeadlineExceededError("write to " + address + ": the hub did not take it all");
  return absl::OkStatus();
}

}  // namespace

void AddDialCommand(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App& dial = *app.add_subcommand(
      "dial",
      "Connect stdin and stdout to an address in a cluster\n\nThe end of stdin is passed on; the "
      "command ends when both directions have ended.");
  dial.footer(
      "  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | hawser dial web.default.svc.paris:80\n"
      "  ssh -o ProxyCommand='hawser dial %h:%p' admin@bastion.default.svc.paris");
  dial.add_option("HOST[:PORT]", options->address,
                  "Where to, NAME.CLUSTER:PORT, or CLUSTER for its kube-apiserver; port 443 when "
                  "there is none")
      ->required();
  dial.add_option("--timeout", options->timeout, "How long the connection may take to open")
      ->type_name("DURATION")
      ->capture_default_str();
  dial.callback([=, &invocation] {
    invocation.action = [=, &invocation] { return Dial(invocation.global, *options); };
  });
}

}  // namespace hawser::cli
