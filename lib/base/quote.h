// Text of strangers, fit for a log line or an error message.
#pragma once

#include <string>

namespace hawser::base {

// `text` in double quotes: control characters, quotes and bytes outside ASCII escaped as in C, cut
// after 80 bytes, so that it can neither forge a log line, nor drive a terminal, nor flood either.
std::string Quote(const std::string& text);

}  // namespace hawser::base
