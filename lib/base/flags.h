// The command line of a daemon, over the gflags registry: any package may DEFINE_ flags, main()
// parses them once.
//
//   DEFINE_int32(agent_port, 8091, "Port that agents connect to; 0 picks a free one.");
//
//   DEFINE_string(agent_cert, "", "[TLS] certificate of this agent (PEM)");
//   HAWSER_DEFINE_LIST(cipher_suites, "[TLS] suites of TLS 1.2, comma separated");
//
// A flag is spelled with dashes or underscores, as --flag=value or --flag value; booleans as Go
// spells them: --flag, --flag=true, --flag=f. One dash does as well as two.
//
// --help groups flags by the topic in brackets that their description begins with; those without
// one are grouped by the file that defines them. Those of the topic "Without effect" are accepted,
// and a log line says that they do nothing.
#pragma once

#include <gflags/gflags.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hawser::base {

struct Program {
  std::string name;     // "proxy-server"
  std::string summary;  // a sentence, for --help
  std::string version;  // what --version prints, without line end
};

// Sets the flags. Returns what is to be printed to stdout before exiting with 0 (--help,
// --version), or "" to go on. kInvalidArgument, naming the flag, for unknown flags, bad or missing
// values and stray arguments: flags before it are set already, the program should exit with 64.
absl::StatusOr<std::string> ParseCommandLine(const Program& program, int argc,
                                             const char* const* argv);

// Whether the command line has the flag (a name with underscores), be it with its default.
bool IsGiven(const std::string& flag);
// Names, with dashes, of the flags on the command line that have no effect.
std::vector<std::string> GivenWithoutEffect();

// "2" for "ERROR" and the like: klog takes severities by name and by number. Others are left as
// they are.
std::string SeverityNumber(const std::string& value);

// Of a flag that may be given several times: its values are joined by commas, as Go's string slices
// are.
bool RegisterListFlag(const std::string& name);

}  // namespace hawser::base

#define HAWSER_DEFINE_LIST(name, description) \
  DEFINE_string(name, "", description);       \
  [[maybe_unused]] static const bool name##_is_list = ::hawser::base::RegisterListFlag(#name)
