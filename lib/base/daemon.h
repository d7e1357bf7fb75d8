// The main() of a daemon, from its command line to its end.
//
//   int main(int argc, char** argv) {
//     return base::RunDaemon<hub::Hub>("proxy-server", "Lets clients reach ...", argc, argv,
//                                      &hub::OptionsFromFlags, &hub::CheckConfigFromFlags);
//   }
//
// Exit codes: 0 after --help, --version, an orderly stop or when a configuration file that was only
// to be checked is valid; 64 for a bad command line or configuration file (one line on stderr); 1
// when the daemon cannot begin (one error in the log).
#pragma once

#include <glog/logging.h>

#include <optional>
#include <source_location>
#include <string>

#include "absl/status/status.h"

namespace hawser::base {

// Parses the flags, hardens the process, sets up the log and raises the limit of descriptors. An
// exit code when the process is to end here. `name` must outlive the process.
std::optional<int> BeginDaemon(const char* name, const std::string& summary, int argc,
                               const char* const* argv);
// Says on stdout that the configuration file is valid, or on stderr why not; the exit code.
int TellCheck(const char* name, const absl::Status& status);
// Says why on stderr; the exit code.
int BadUsage(const char* name, const absl::Status& status);

// Serves until it was stopped; the exit code. `Daemon` has Create(options), served(),
// HandleSignals() and Run(). Lines about the start are logged as those of `where`.
template <typename Daemon, typename Options>
int Serve(const Options& options, std::source_location where = std::source_location::current()) {
  const auto line = [&where](google::LogSeverity severity) {
    return google::LogMessage(where.file_name(), static_cast<int>(where.line()), severity);
  };
  const auto daemon = Daemon::Create(options);
  if (!daemon.ok()) {
    line(google::ERROR).stream() << std::string(daemon.status().message());
    return 1;
  }
  for (const auto& [what, address] : (*daemon)->served())
    line(google::INFO).stream() << "serving " << what << " on " << address;
  // Who reads that it is ready may stop it at once.
  (*daemon)->HandleSignals();
  line(google::INFO).stream() << "ready";
  (*daemon)->Run();
  return 0;
}

// For daemons without a configuration file.
inline std::optional<absl::Status> NoConfigFile() { return std::nullopt; }

// `read_options` returns a StatusOr of what Serve() takes. `check_config` says what is wrong with
// the configuration file, when the command line asks for that only.
template <typename Daemon, typename ReadOptions,
          typename CheckConfig = std::optional<absl::Status> (*)()>
int RunDaemon(const char* name, const std::string& summary, int argc, const char* const* argv,
              ReadOptions read_options, CheckConfig check_config = &NoConfigFile,
              std::source_location where = std::source_location::current()) {
  if (const auto code = BeginDaemon(name, summary, argc, argv); code.has_value()) return *code;
  if (const auto checked = check_config(); checked.has_value()) return TellCheck(name, *checked);
  const auto options = read_options();
  if (!options.ok()) return BadUsage(name, options.status());
  return Serve<Daemon>(*options, where);
}

}  // namespace hawser::base
