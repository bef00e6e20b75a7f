#pragma once
// Random changes to a store, good and bad ones, and random reads of two stores that must agree.
#include <optional>
#include <string>

#include "sim/random.h"
#include "store/truth.h"

namespace perdure::store_faults {

using sim::Random;

// One that fits what the store holds, or, seldom, one that must be refused. The epoch is that of the memory store; 0
// where it is to be wrong.
Change make_change(Random& random, Truth& truth);

// Asks both the same; the difference in words, or nothing.
std::optional<std::string> compare_a_read(Random& random, storage::Store& store, Truth& truth);

std::string to_text(const Change& change);

}  // namespace perdure::store_faults
