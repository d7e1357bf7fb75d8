// A hash for maps whose keys are a peer's choice: what falls together in one process does not in
// another, so nobody can make a map as slow as a list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace hawser::base {

struct SeededHash {
  size_t operator()(int64_t key) const {
    static const uint64_t seed = (uint64_t{std::random_device()()} << 32) | std::random_device()();
    // The finalizer of MurmurHash3: each bit of the result depends on every bit of the key.
    uint64_t bits = static_cast<uint64_t>(key) ^ seed;
    bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdULL;
    bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return static_cast<size_t>(bits ^ (bits >> 33));
  }
};

}  // namespace hawser::base
