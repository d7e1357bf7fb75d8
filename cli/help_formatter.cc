#include "cli/help_formatter.h"

namespace hawser::cli {
namespace {

constexpr size_t kColumn = 26;

std::string Row(const std::string& name, const std::string& text) {
  std::string row = "  " + name;
  // A long name has its text on a line of its own.
  if (row.size() + 2 > kColumn)
    row += "\n" + std::string(kColumn, ' ');
  else
    row.resize(kColumn, ' ');
  return row + text + "\n";
}

// The whole command line up to `app`: "hawser pki agent".
std::string Path(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent == nullptr ? app->get_name() : Path(parent) + " " + app->get_name();
}

bool IsFlagOrOption(const CLI::Option* option) {
  return option->nonpositional() && !option->get_group().empty();
}

std::string Section(const std::string& title, const std::string& rows) {
  return rows.empty() ? "" : "\n" + title + ":\n" + rows;
}

}  // namespace

std::string HelpFormatter::make_subcommand(const CLI::App* app) const {
  const std::string description = app->get_description();
  return Row(app->get_name(), description.substr(0, description.find('\n')));
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string name = is_positional ? option->get_name(true) : option->get_name(false, true);
  const std::string value = option->get_type_name();
  if (!is_positional && !value.empty()) name += "=" + value;
  std::string text = option->get_description();
  if (!option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
  if (!option->get_envname().empty()) text += " [$" + option->get_envname() + "]";
  return Row(name, text);
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
  std::string usage = Path(app);
  std::string commands;
  for (const CLI::App* command : app->get_subcommands({})) commands += make_subcommand(command);
  if (!commands.empty()) usage += " COMMAND";

  std::string arguments;
  std::string options;
  for (const CLI::Option* option : app->get_options()) {
    if (IsFlagOrOption(option)) options += make_option(option, false);
    if (!option->get_positional()) continue;
    arguments += make_option(option, true);
    usage += " " + option->get_name(true) + (option->get_items_expected_max() > 1 ? "..." : "");
  }
  std::string inherited;
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent())
    for (const CLI::Option* option : up->get_options(IsFlagOrOption))
      if (option != up->get_help_ptr() && option != up->get_version_ptr())
        inherited += make_option(option, false);

  const std::string examples = app->get_footer();
  return app->get_description() + "\n" +
         Section("Examples", examples.empty() ? "" : examples + "\n") +
         Section("Commands", commands) + Section("Arguments", arguments) +
         Section("Options", options) + Section("Inherited options", inherited) + "\nUsage:\n  " +
         usage + " [options]\n";
}

}  // namespace hawser::cli
