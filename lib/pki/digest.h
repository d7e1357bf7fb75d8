// SHA-256 of texts.
#pragma once

#include <string>

namespace hawser::pki {

std::string Sha256(const std::string& text);     // 32 bytes
std::string Sha256Hex(const std::string& text);  // 64 lower-case digits

}  // namespace hawser::pki
