// The hub and who dials it, from the environment: HAWSER_HUB, HAWSER_CA, HAWSER_CERT, HAWSER_KEY.
#pragma once

#include <cstdlib>
#include <string>

#include "lib/client/dialer.h"

inline std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

inline hawser::client::DialerOptions DialerOfEnvironment() {
  return {.hub = Environment("HAWSER_HUB"),
          .tls = {Environment("HAWSER_CERT"), Environment("HAWSER_KEY"), Environment("HAWSER_CA")}};
}
