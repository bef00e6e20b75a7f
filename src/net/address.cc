#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/check.h"

namespace perdure::net {
namespace {

constexpr std::uint32_t quad(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

struct Range4 {
  std::uint32_t base;
  int bits;
  AddressKind kind;
};
// The first that matches decides. IANA's special-purpose registry, and the addresses at which clouds give credentials.
constexpr Range4 k_ranges4[] = {
    {quad(169, 254, 169, 254), 32, AddressKind::metadata},  // AWS, Google, Azure, and most others
    {quad(169, 254, 169, 253), 32, AddressKind::metadata},  // AWS: name service of the VPC
    {quad(169, 254, 170, 2), 32, AddressKind::metadata},    // AWS: credentials of container tasks
    {quad(169, 254, 170, 23), 32, AddressKind::metadata},   // AWS: credentials of pods
    {quad(100, 100, 100, 200), 32, AddressKind::metadata},  // Alibaba
    {quad(192, 0, 0, 192), 32, AddressKind::metadata},      // Oracle
    {quad(168, 63, 129, 16), 32, AddressKind::metadata},    // Azure: wire server
    {quad(0, 0, 0, 0), 8, AddressKind::unspecified},        {quad(10, 0, 0, 0), 8, AddressKind::private_network},
    {quad(100, 64, 0, 0), 10, AddressKind::shared},         {quad(127, 0, 0, 0), 8, AddressKind::loopback},
    {quad(169, 254, 0, 0), 16, AddressKind::link_local},    {quad(172, 16, 0, 0), 12, AddressKind::private_network},
    {quad(192, 0, 0, 0), 24, AddressKind::reserved},        {quad(192, 0, 2, 0), 24, AddressKind::reserved},
    {quad(192, 88, 99, 0), 24, AddressKind::reserved},      {quad(192, 168, 0, 0), 16, AddressKind::private_network},
    {quad(198, 18, 0, 0), 15, AddressKind::reserved},       {quad(198, 51, 100, 0), 24, AddressKind::reserved},
    {quad(203, 0, 113, 0), 24, AddressKind::reserved},      {quad(224, 0, 0, 0), 4, AddressKind::multicast},
    {quad(255, 255, 255, 255), 32, AddressKind::multicast}, {quad(240, 0, 0, 0), 4, AddressKind::reserved},
};

AddressKind classify4(std::uint32_t address) {
  for (const Range4& range : k_ranges4) {
    const std::uint32_t mask = range.bits == 0 ? 0 : ~std::uint32_t{0} << (32 - range.bits);
    if ((address & mask) == range.base) return range.kind;
  }
  return AddressKind::global;
}

using Bytes16 = std::array<std::uint8_t, 16>;

bool has_prefix(const Bytes16& bytes, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}
std::uint32_t bits_at(const Bytes16& bytes, std::size_t at) {
  return quad(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

// The IPv4 address that an IPv6 one stands for, where packets to it end up.
std::optional<std::uint32_t> embedded4(const Bytes16& b) {
  const bool zero8 = std::all_of(b.begin(), b.begin() + 8, [](std::uint8_t x) { return x == 0; });
  if (zero8 && b[8] == 0 && b[9] == 0 && b[10] == 0xff && b[11] == 0xff) return bits_at(b, 12);  // mapped
  if (zero8 && b[8] == 0xff && b[9] == 0xff && b[10] == 0 && b[11] == 0) return bits_at(b, 12);  // translated
  if (zero8 && bits_at(b, 8) == 0) return bits_at(b, 12);                                        // compatible
  if (has_prefix(b, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return bits_at(b, 12);    // NAT64
  if (has_prefix(b, {0x20, 0x02})) return bits_at(b, 2);                                         // 6to4
  if ((b[8] & 0xfc) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe) return bits_at(b, 12);  // ISATAP
  return std::nullopt;
}

// The kind of an IPv6 prefix, whatever IPv4 address may be inside.
AddressKind classify6(const Bytes16& b) {
  static constexpr Bytes16 k_any{};
  static constexpr Bytes16 k_one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  if (b == k_any) return AddressKind::unspecified;
  if (b == k_one) return AddressKind::loopback;
  if (has_prefix(b, {0xfd, 0x00, 0x0e, 0xc2})) return AddressKind::metadata;  // AWS over IPv6
  if (has_prefix(b, {0xfd, 0x20, 0x00, 0xce})) return AddressKind::metadata;  // Google over IPv6
  if ((b[0] & 0xfe) == 0xfc) return AddressKind::private_network;
  if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) return AddressKind::link_local;
  if (b[0] == 0xfe && (b[1] & 0xc0) == 0xc0) return AddressKind::private_network;
  if (b[0] == 0xff) return AddressKind::multicast;
  if (has_prefix(b, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01})) return AddressKind::private_network;
  if (has_prefix(b, {0x20, 0x01, 0x00, 0x00})) return AddressKind::reserved;                     // Teredo
  if (has_prefix(b, {0x20, 0x01, 0x00}) && (b[3] & 0xf0) == 0x10) return AddressKind::reserved;  // ORCHID
  if (has_prefix(b, {0x20, 0x01, 0x00}) && (b[3] & 0xf0) == 0x20) return AddressKind::reserved;  // ORCHIDv2
  if (has_prefix(b, {0x20, 0x01, 0x0d, 0xb8})) return AddressKind::reserved;                     // documentation
  if (has_prefix(b, {0x3f, 0xff}) && (b[2] & 0xf0) == 0) return AddressKind::reserved;           // documentation
  // Global unicast is 2000::/3; nothing else is assigned.
  return (b[0] & 0xe0) == 0x20 ? AddressKind::global : AddressKind::reserved;
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  address.bytes_[10] = address.bytes_[11] = 0xff;
  for (std::size_t i = 0; i < 4; ++i) address.bytes_[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}
IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::string plain(text);
  if (plain.size() >= 2 && plain.front() == '[' && plain.back() == ']') plain = plain.substr(1, plain.size() - 2);
  in_addr four{};
  if (plain.size() < INET6_ADDRSTRLEN && plain.find('\0') == std::string::npos) {
    if (inet_pton(AF_INET, plain.c_str(), &four) == 1) return v4(ntohl(four.s_addr));
    std::array<std::uint8_t, 16> six{};
    if (inet_pton(AF_INET6, plain.c_str(), six.data()) == 1) return v6(six);
  }
  return fail(ErrorCode::invalid,
              "'" + std::string(text.substr(0, 64)) + "' is no IP address; write one like 192.0.2.1 or 2001:db8::1");
}

Result<IpAddress> IpAddress::from_sockaddr(const sockaddr* address, std::size_t size) {
  if (address != nullptr && address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return v4(ntohl(in.sin_addr.s_addr));
  }
  if (address != nullptr && address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return v6(bytes);
  }
  return fail(ErrorCode::invalid, "an address that is neither IPv4 nor IPv6");
}

bool IpAddress::is_v4() const {
  return std::all_of(bytes_.begin(), bytes_.begin() + 10, [](std::uint8_t x) { return x == 0; }) &&
         bytes_[10] == 0xff && bytes_[11] == 0xff;
}
std::uint32_t IpAddress::v4_bits() const { return bits_at(bytes_, 12); }

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  const bool four = is_v4();
  CHECK(inet_ntop(four ? AF_INET : AF_INET6, four ? bytes_.data() + 12 : bytes_.data(), buffer, sizeof buffer));
  return buffer;
}

std::string_view to_string(AddressKind kind) {
  switch (kind) {
    case AddressKind::global: return "a public address";
    case AddressKind::unspecified: return "an unspecified address";
    case AddressKind::loopback: return "a loopback address";
    case AddressKind::private_network: return "a private network address";
    case AddressKind::shared: return "a carrier-grade NAT address";
    case AddressKind::link_local: return "a link-local address";
    case AddressKind::metadata: return "a cloud metadata address";
    case AddressKind::multicast: return "a multicast or broadcast address";
    case AddressKind::reserved: return "a reserved address";
  }
  return "a reserved address";
}

AddressKind classify(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (address.is_v4()) return classify4(address.v4_bits());
  const AddressKind outer = classify6(bytes);
  if (outer == AddressKind::unspecified || outer == AddressKind::loopback) return outer;
  const auto inner = embedded4(bytes);
  if (!inner) return outer;
  // A public prefix (6to4, ISATAP behind a public router) or a pure wrapper: where it ends up decides. Behind a
  // prefix that is itself not public, the prefix does.
  const bool wrapper = bytes[0] == 0;
  return wrapper || outer == AddressKind::global ? classify4(*inner) : outer;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  PERDURE_TRY(address, IpAddress::parse(text.substr(0, slash)));
  Cidr range{address, 128};
  if (slash == std::string_view::npos) return range;
  const std::string_view digits = text.substr(slash + 1);
  const int widest = address.is_v4() ? 32 : 128;
  int bits = -1;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (code != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > widest) {
    return fail(ErrorCode::invalid, "'" + std::string(text.substr(0, 64)) + "' is no address range: after the '/' " +
                                        "comes a number from 0 to " + std::to_string(widest));
  }
  range.bits = bits + 128 - widest;
  return range;
}

bool Cidr::contains(const IpAddress& address) const {
  const int whole = bits / 8;
  if (!std::equal(base.bytes().begin(), base.bytes().begin() + whole, address.bytes().begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  const auto at = static_cast<std::size_t>(whole);
  return (base.bytes()[at] & mask) == (address.bytes()[at] & mask);
}

std::string Cidr::text() const {
  return base.text() + "/" + std::to_string(base.is_v4() && bits >= 96 ? bits - 96 : bits);
}

Status check_address(const AddressPolicy& policy, const IpAddress& address) {
  // A denied IPv4 range also covers the IPv6 spellings of its addresses; an allowed one is taken at its word.
  const auto inner = embedded4(address.bytes());
  const auto denies = [&](const Cidr& range) {
    return range.contains(address) || (inner && range.contains(IpAddress::v4(*inner)));
  };
  const auto allows = [&](const Cidr& range) { return range.contains(address); };
  if (const auto denied = std::find_if(policy.deny.begin(), policy.deny.end(), denies); denied != policy.deny.end()) {
    return fail(ErrorCode::invalid,
                "connections to " + address.text() + " are not allowed: the configuration denies " + denied->text());
  }
  if (std::any_of(policy.allow.begin(), policy.allow.end(), allows)) return {};
  const AddressKind kind = classify(address);
  std::string_view remedy = "; an operator can allow its range explicitly";
  switch (kind) {
    case AddressKind::global: return {};
    case AddressKind::loopback:
    case AddressKind::unspecified:
      if (policy.allow_loopback) return {};
      remedy = "; an operator can allow loopback addresses";
      break;
    case AddressKind::private_network:
    case AddressKind::shared:
      if (policy.allow_private) return {};
      remedy = "; an operator can allow private networks, or its range";
      break;
    case AddressKind::link_local:
    case AddressKind::metadata:
    case AddressKind::multicast:
    case AddressKind::reserved: break;
  }
  return fail(ErrorCode::invalid, "connections to " + address.text() + " are not allowed: it is " +
                                      std::string(to_string(kind)) + std::string(remedy));
}

}  // namespace perdure::net
