#include "base/hash.h"

#include <openssl/sha.h>
#include <xxhash.h>

#include <array>

namespace perdure {

std::uint64_t checksum64(std::string_view data, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data.data(), data.size(), seed);
}

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data());
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(digest.size() * 2);
  for (const unsigned char b : digest) {
    text.push_back(k_digits[b >> 4]);
    text.push_back(k_digits[b & 15]);
  }
  return text;
}

}  // namespace perdure
