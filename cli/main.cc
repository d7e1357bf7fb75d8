// `hawser`: reaches services in managed clusters, looks at the hub, makes certificates.
#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/help_formatter.h"
#include "lib/base/build_info.h"

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
    std::cerr << "hawser: " << error.what() << " (see hawser --help)\n";
    return kBadUsage;
  }
  const absl::Status status = invocation.action();
  if (!status.ok()) std::cerr << "hawser: " << status.message() << "\n";
  return ExitCode(status);
}

}  // namespace
}  // namespace hawser::cli

int main(int argc, char** argv) { return hawser::cli::Main(argc, argv); }
