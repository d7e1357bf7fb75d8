// `hawser`: reaches services in managed clusters, looks at the hub, makes certificates.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/help_formatter.h"
#include "lib/base/build_info.h"
#include "lib/base/quote.h"

namespace hawser::cli {
namespace {

void AddGlobalOptions(CLI::App& app, GlobalOptions& global) {
  app.add_option("--hub", global.hub, "The hub's gRPC front end, host:port or unix:/path")
      ->envname("HAWSER_HUB")
      ->type_name("ADDRESS");
  app.add_option("--control", global.control, "The hub's control API, unix:/path")
      ->envname("HAWSER_CONTROL")
      ->type_name("ADDRESS");
  app.add_option("--ca", global.ca, "CA that signed the hub's certificate, PEM")
      ->envname("HAWSER_CA")
      ->type_name("FILE");
  app.add_option("--cert", global.certificate, "Client certificate, PEM")
      ->envname("HAWSER_CERT")
      ->type_name("FILE");
  app.add_option("--key", global.key, "Key of the client certificate, PEM")
      ->envname("HAWSER_KEY")
      ->type_name("FILE");
  app.add_option("-o,--output", global.output, "How results are printed: table or json")
      ->check(CLI::IsMember({"table", "json"}).description(""))
      ->default_str("table")
      ->type_name("FORMAT");
}

bool OnCommandLine(std::span<char* const> arguments, const std::string& option) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string argument) {
    return argument == option || argument.starts_with(option + "=");
  });
}

// A hub that the command line names goes before a control API that the environment does.
void PreferCommandLine(std::span<char* const> arguments, GlobalOptions& global) {
  if (OnCommandLine(arguments, "--hub") && !OnCommandLine(arguments, "--control"))
    global.control.clear();
}

// What is wrong with the command line, and where to read on.
std::string UsageError(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  std::string what = error.what();
  if (command->get_require_subcommand_min() > 0) {
    const std::vector<std::string> words = app.remaining(/*recurse=*/true);
    const bool mistyped = !words.empty() && !words.front().starts_with('-');
    what = mistyped ? "unknown command " + base::Quote(words.front()) + ": want "
                    : std::string("a command is needed: ");
    std::string separator;
    for (const CLI::App* each : command->get_subcommands([](const CLI::App*) { return true; }))
      what += std::exchange(separator, ", ") + each->get_name();
  }
  return what + " (see " + name + " --help)";
}

int Main(int argc, char** argv) {
  // A closed pipe is an error of a write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Invocation invocation;
  CLI::App app("Reaches services inside managed clusters through a hub.", "hawser");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag(
      "--version", [] { return base::VersionLine("hawser"); }, "Print the version of this program");
  app.fallthrough();
  app.require_subcommand(1);
  AddGlobalOptions(app, invocation.global);
  AddDialCommand(app, invocation);
  AddPortForwardCommand(app, invocation);
  AddGetCommand(app, invocation);
  AddCheckCommand(app, invocation);
  AddPkiCommand(app, invocation);
  AddVersionCommand(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return kOk;
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << "\n";
    return kOk;
  } catch (const CLI::ParseError& error) {
    std::cerr << "hawser: " + UsageError(app, error) + "\n";
    return kBadUsage;
  }
  PreferCommandLine({argv, static_cast<size_t>(argc)}, invocation.global);
  const absl::Status status = invocation.action();
  if (!status.ok()) std::cerr << "hawser: " + std::string(status.message()) + "\n";
  return ExitCode(status);
}

}  // namespace
}  // namespace hawser::cli

int main(int argc, char** argv) { return hawser::cli::Main(argc, argv); }
