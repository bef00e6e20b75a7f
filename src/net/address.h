#pragma once
// Which addresses the engine may connect to on behalf of a workflow. A URL is data, often made from other data, so the
// engine must not become a way into the network it runs in (SSRF). The check is on the address a socket is about to
// connect to, after name resolution: names that resolve to something else a moment later, and addresses written in
// decimal, octal or hexadecimal, need no rules of their own.
//
// Pure: nothing here opens a socket or resolves a name. Thread-safe.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sockaddr;

namespace perdure::net {

// An IPv4 or IPv6 address. IPv4 is kept in its mapped form (::ffff:a.b.c.d), so that both are 16 bytes.
class IpAddress {
 public:
  IpAddress() = default;  // ::
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
  // "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; no zone, no other spellings of numbers.
  static Result<IpAddress> parse(std::string_view text);
  // IPv4 and IPv6 only; `invalid` for other families.
  static Result<IpAddress> from_sockaddr(const sockaddr* address, std::size_t size);

  bool is_v4() const;
  std::uint32_t v4_bits() const;  // the last four bytes
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::string text() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

enum class AddressKind {
  global,           // on the public internet
  unspecified,      // 0.0.0.0/8, ::
  loopback,         // 127.0.0.0/8, ::1
  private_network,  // RFC 1918, fc00::/7, fec0::/10, 64:ff9b:1::/48
  shared,           // carrier-grade NAT, 100.64.0.0/10
  link_local,       // 169.254.0.0/16, fe80::/10
  metadata,         // where cloud providers serve credentials to machines: 169.254.169.254 and its like
  multicast,        // 224.0.0.0/4, ff00::/8, 255.255.255.255
  reserved,         // documentation, benchmarks, future use, tunnels
};
std::string_view to_string(AddressKind kind);  // "a private network address", for messages

// An IPv6 address that carries an IPv4 one (mapped, compatible, translated, NAT64, 6to4, ISATAP) is what the IPv4 one
// is.
AddressKind classify(const IpAddress& address);

// A range of addresses, "10.1.0.0/16", "fd00::/8", or a single address.
struct Cidr {
  IpAddress base;
  int bits = 128;  // of the 16-byte form
  static Result<Cidr> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string text() const;
};

struct AddressPolicy {
  bool allow_private = false;   // private_network and shared
  bool allow_loopback = false;  // loopback and unspecified (which Linux connects to the same machine)
  std::vector<Cidr> allow;      // besides; wins over the kinds, even metadata
  std::vector<Cidr> deny;       // wins over everything
};

// Whether a connection to `address` may be opened. Error `invalid`: names the address, its kind, and how to allow it.
Status check_address(const AddressPolicy& policy, const IpAddress& address);

}  // namespace perdure::net
