// A hash for maps whose keys are a peer's choice: what falls together in one process does not in
// another, so nobody can make a map as slow as a list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>

#include "absl/hash/hash.h"

namespace hawser::base {

struct SeededHash {
  size_t operator()(int64_t key) const {
    // The finalizer of MurmurHash3: each bit of the result depends on every bit of the key.
    uint64_t bits = static_cast<uint64_t>(key) ^ Seed();
    bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdULL;
    bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return static_cast<size_t>(bits ^ (bits >> 33));
  }
  size_t operator()(std::string_view key) const { return absl::HashOf(Seed(), key); }

 private:
  static uint64_t Seed() {
    static const uint64_t seed = (uint64_t{std::random_device()()} << 32) | std::random_device()();
    return seed;
  }
};

}  // namespace hawser::base
