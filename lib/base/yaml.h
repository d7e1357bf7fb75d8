// YAML configuration files. yaml-cpp reports by exceptions; here they become errors that name the
// file and the line.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace hawser::base {

// Reads a document's root into what the caller captured; may use everything of yaml-cpp that
// throws.
using YamlReader = absl::FunctionRef<absl::Status(const YAML::Node& root)>;

// kInvalidArgument "line 3: <what>", for a reader to return.
absl::Status YamlError(const YAML::Node& node, const std::string& what);

// Parses `text` and calls `read`. Errors are kInvalidArgument "read <name>: line 3: ...".
absl::Status ReadYaml(const std::string& text, const std::string& name, YamlReader read);
// The same for a file; kNotFound and the like when it cannot be read.
absl::Status ReadYamlFile(const std::string& path, YamlReader read);

}  // namespace hawser::base
