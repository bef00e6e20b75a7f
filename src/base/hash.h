#pragma once
// Checksums (xxHash, fast) and content hashes (SHA-256, collision-proof).
#include <cstdint>
#include <string>
#include <string_view>

namespace perdure {
std::uint64_t checksum64(std::string_view data, std::uint64_t seed = 0);  // XXH3 64
std::string sha256_hex(std::string_view data);                            // 64 lower-case hex digits
}  // namespace perdure
