// How a hub tells an agent its clients apart: by the same number at every hub, so that a client has
// one share of the agent however many hubs it goes through. It is no secret: who has a list of
// names can find whose it is.
#pragma once

#include <cstdint>
#include <string_view>

namespace hawser::tunnel {

// Never 0, which stands for nobody.
uint64_t ClientNumber(std::string_view client);

}  // namespace hawser::tunnel
