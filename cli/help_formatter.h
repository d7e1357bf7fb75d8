// Help in kubectl's order: what it does, examples (the footer), commands, options, usage.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace hawser::cli {

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_subcommand(const CLI::App* app) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
};

}  // namespace hawser::cli
