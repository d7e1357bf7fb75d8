// Puts an entry into the list `deny` of a hub's configuration file, and leaves everything else as
// its author wrote it, comments included. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace hawser::cli {

// `text` with the entry "- key: value", which comes first in the list; the same text when it is
// there already. kInvalidArgument, with `name` of the file, for a text that is no YAML map, and for
// a list that is written on one line.
absl::StatusOr<std::string> WithDenied(const std::string& text, const std::string& name,
                                       const std::string& key, const std::string& value);

}  // namespace hawser::cli
