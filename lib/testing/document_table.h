// Tables of the project's own documents, so that tests can keep them true.
#pragma once

#include <string>
#include <vector>

namespace hawser::testing {

// The rows of the first table behind the line `heading` ("## proxy-agent") of a Markdown file, cell
// by cell, without the table's head; backticks around a whole cell are taken off. Empty when there
// is no such heading or no table in its section. `path` is relative to the workspace.
std::vector<std::vector<std::string>> ReadTable(const std::string& path,
                                                const std::string& heading);

}  // namespace hawser::testing
