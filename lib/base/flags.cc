#include "lib/base/flags.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "lib/base/quote.h"
#include "lib/base/status.h"

namespace hawser::base {
namespace {

using gflags::CommandLineFlagInfo;

constexpr size_t kHelpColumns = 80;

// Of flags that are accepted for the sake of other programs' command lines.
constexpr char kWithoutEffect[] = "Without effect";

// glog's flags that klog has, too, and what they mean here. Without a topic they are about logs.
const std::map<std::string, std::string>& LogFlags() {
  static const std::map<std::string, std::string> flags{
      {"alsologtostderr", "With --log-file, write to stderr, too."},
      {"log_backtrace_at",
       "Add a stack trace to what is logged at a source file's line, hub.cc:42."},
      {"log_dir", "[Without effect] --log-file names a file."},
      {"logtostderr", "Write to stderr, the default; =false: to --log-file, if there is one."},
      {"stderrthreshold", "With --log-file, least severity that is written to stderr as well."},
      {"minloglevel", "Leave out lines below this level: 1 warnings, 2 errors, 3 fatal errors."},
      {"v", "Show verbose lines up to this level."},
      {"vmodule", "Verbose levels by source file, as in session=2,listener=1."},
  };
  return flags;
}

// Filled before main().
std::set<std::string>& ListFlags() {
  static std::set<std::string> names;
  return names;
}

// Flags of the libraries come from files outside this source tree.
bool FromLibrary(const CommandLineFlagInfo& flag) {
  return flag.filename.front() == '/' || flag.filename.front() == '.';
}

bool Supported(const CommandLineFlagInfo& flag) {
  return !FromLibrary(flag) || LogFlags().contains(flag.name);
}

// What --help says, with its topic.
std::string Description(const CommandLineFlagInfo& flag) {
  if (!FromLibrary(flag)) return flag.description;
  const std::string text = LogFlags().find(flag.name)->second;
  return text.starts_with('[') ? text : "[Logging] " + text;
}

std::optional<CommandLineFlagInfo> Find(const std::string& name) {
  CommandLineFlagInfo flag;
  if (!gflags::GetCommandLineFlagInfo(name.c_str(), &flag) || !Supported(flag)) return {};
  return flag;
}

// "true" or "false" for what Go's strconv.ParseBool accepts.
std::optional<std::string> GoBoolean(const std::string& text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return "true";
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return "false";
  return {};
}

// As --help and messages name it: "int", "bool", "string", "list".
std::string TypeName(const CommandLineFlagInfo& flag) {
  if (ListFlags().contains(flag.name)) return "list";
  if (flag.type == "int32" || flag.type == "int64") return "int";
  if (flag.type == "uint32" || flag.type == "uint64") return "uint";
  return flag.type;
}

absl::Status SetFlag(const CommandLineFlagInfo& flag, const std::string& spelled,
                     const std::string& value) {
  auto accepted = flag.type == "bool" ? GoBoolean(value) : std::make_optional(value);
  if (flag.name == "stderrthreshold") accepted = SeverityNumber(value);
  if (!accepted || gflags::SetCommandLineOption(flag.name.c_str(), accepted->c_str()).empty())
    return absl::InvalidArgumentError("flag " + spelled + ": bad value " + Quote(value) +
                                      " (want " + TypeName(flag) + ")");
  return absl::OkStatus();
}

// What follows the topic of a description, and the topic.
std::pair<std::string, std::string> SplitTopic(const std::string& description) {
  const size_t end = description.find("] ");
  if (!description.starts_with('[') || end == std::string::npos) return {description, ""};
  return {description.substr(end + 2), description.substr(1, end - 1)};
}

// "TLS" for a description "[TLS] ...", else "Front end" for hub/front_end_flags.cc.
std::string Heading(const CommandLineFlagInfo& flag) {
  if (auto [text, topic] = SplitTopic(Description(flag)); !topic.empty()) return topic;
  std::string heading = std::filesystem::path(flag.filename).stem().string();
  for (const std::string suffix : {"_flags", "_options"})
    if (heading.ends_with(suffix)) heading.resize(heading.size() - suffix.size());
  std::replace(heading.begin(), heading.end(), '_', ' ');
  heading.front() = std::toupper(static_cast<unsigned char>(heading.front()));
  return heading;
}

// `text` with its words broken into lines, each behind `indent` spaces.
std::string Wrap(const std::string& text, size_t indent) {
  std::string lines, line;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (!line.empty() && indent + line.size() + 1 + (end - at) > kHelpColumns) {
      lines += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += text.substr(at, end - at);
    at = end + 1;
  }
  return lines + std::string(indent, ' ') + line + "\n";
}

std::string WithDashes(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string Describe(const CommandLineFlagInfo& flag) {
  std::string text = "  --" + WithDashes(flag.name);
  if (flag.type != "bool") text += " " + TypeName(flag);
  // Those of the library are not klog's, and some come from the environment.
  if (!flag.default_value.empty() && !FromLibrary(flag))
    text += " (default " + flag.default_value + ")";
  return text + "\n" + Wrap(SplitTopic(Description(flag)).first, 6);
}

std::vector<CommandLineFlagInfo> AllSupported() {
  std::vector<CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  std::erase_if(flags, [](const CommandLineFlagInfo& flag) { return !Supported(flag); });
  return flags;
}

std::string Help(const Program& program) {
  std::vector<CommandLineFlagInfo> flags = AllSupported();
  std::sort(flags.begin(), flags.end(), [](const auto& a, const auto& b) {
    const std::string first = Heading(a), second = Heading(b);
    return std::make_tuple(first == kWithoutEffect, first, a.name) <
           std::make_tuple(second == kWithoutEffect, second, b.name);
  });

  std::string text = Wrap(program.summary, 0) + "\nUsage: " + program.name + " [flags]\n";
  std::string heading;
  for (const CommandLineFlagInfo& flag : flags) {
    if (heading != Heading(flag)) {
      heading = Heading(flag);
      text += "\n" + heading + ":\n";
    }
    text += Describe(flag);
  }
  return text +
         "\nHelp:\n  --help\n      This text.\n  --version\n      Version and commit of this "
         "binary.\n";
}

}  // namespace

std::string SeverityNumber(const std::string& value) {
  const std::vector<std::string> names = {"INFO", "WARNING", "ERROR", "FATAL"};
  const auto name = std::find(names.begin(), names.end(), value);
  return name == names.end() ? value : std::to_string(name - names.begin());
}

bool IsGiven(const std::string& flag) {
  return !gflags::GetCommandLineFlagInfoOrDie(flag.c_str()).is_default;
}

std::vector<std::string> GivenWithoutEffect() {
  std::vector<std::string> names;
  for (const CommandLineFlagInfo& flag : AllSupported())
    if (!flag.is_default && Heading(flag) == kWithoutEffect) names.push_back(WithDashes(flag.name));
  std::sort(names.begin(), names.end());
  return names;
}

bool RegisterListFlag(const std::string& name) { return ListFlags().insert(name).second; }

absl::StatusOr<std::string> ParseCommandLine(const Program& program, int argc,
                                             const char* const* argv) {
  std::set<std::string> lists_begun;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--" && i + 1 == argc) break;
    // The only shorthand of Kubernetes' programs, "-v4".
    if (argument.size() > 2 && argument.starts_with("-v") &&
        argument.find_first_not_of("0123456789", 2) == std::string::npos)
      argument.insert(2, "=");
    const size_t dashes = std::min<size_t>(argument.find_first_not_of('-'), argument.size());
    if (dashes < 1 || dashes > 2 || dashes == argument.size())
      return absl::InvalidArgumentError("unexpected argument " + Quote(argument));
    const size_t equals = std::min(argument.find('='), argument.size());
    const std::string spelled = argument.substr(0, equals);
    std::string name = spelled.substr(dashes);
    std::replace(name.begin(), name.end(), '-', '_');
    if (name == "help" || name == "h") return Help(program);
    if (name == "version") return program.version + "\n";

    const std::optional<CommandLineFlagInfo> flag = Find(name);
    if (!flag) return absl::InvalidArgumentError("unknown flag " + Quote(spelled));
    std::string value = "true";
    if (equals < argument.size()) {
      value = argument.substr(equals + 1);
    } else if (flag->type != "bool") {
      if (++i == argc) return absl::InvalidArgumentError("flag " + spelled + ": missing value");
      value = argv[i];
    }
    if (ListFlags().contains(flag->name) && !lists_begun.insert(flag->name).second)
      value = flag->current_value + "," + value;
    HAWSER_RETURN_IF_ERROR(SetFlag(*flag, spelled, value));
  }
  return std::string();
}

}  // namespace hawser::base
