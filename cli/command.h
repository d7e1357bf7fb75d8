// What every subcommand of `hawser` has in common: global options, the way it is run, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace hawser::cli {

// Exit codes; docs/cli.md explains them.
inline constexpr int kOk = 0;
inline constexpr int kFailure = 1;
inline constexpr int kBadUsage = 64;     // EX_USAGE
inline constexpr int kUnavailable = 69;  // EX_UNAVAILABLE

struct GlobalOptions {
  std::string hub;      // "host:port" or "unix:/path"
  std::string control;  // "unix:/path" or a loopback address
  std::string ca;
  std::string certificate;
  std::string key;
  std::string output = "table";

  bool json() const { return output == "json"; }
};

// Filled in by CLI11 while it parses; `action` is what the chosen subcommand does.
struct Invocation {
  GlobalOptions global;
  std::function<absl::Status()> action;
};

// Each adds its subcommand to `app`. `invocation` outlives the app.
void AddCheckCommand(CLI::App& app, Invocation& invocation);
void AddDialCommand(CLI::App& app, Invocation& invocation);
void AddPortForwardCommand(CLI::App& app, Invocation& invocation);
void AddGetCommand(CLI::App& app, Invocation& invocation);
void AddPkiCommand(CLI::App& app, Invocation& invocation);
void AddVersionCommand(CLI::App& app, Invocation& invocation);

// The exit code for what an action returned: kUnavailable when the hub, its control API or the
// cluster cannot be reached, kBadUsage for kInvalidArgument.
int ExitCode(const absl::Status& status);

}  // namespace hawser::cli
