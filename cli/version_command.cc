// `hawser version`.
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "lib/base/build_info.h"

namespace hawser::cli {

void AddVersionCommand(CLI::App& app, Invocation& invocation) {
  CLI::App& version = *app.add_subcommand("version", "Print the version of this program");
  version.callback([&invocation] {
    invocation.action = [&invocation] {
      const base::BuildInfo& info = base::GetBuildInfo();
      if (invocation.global.json()) {
        std::cout << nlohmann::ordered_json{{"version", info.version},
                                            {"commit", info.commit},
                                            {"compiler", info.compiler}}
                  << "\n";
      } else {
        std::cout << base::VersionLine("hawser") << "\n";
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace hawser::cli
