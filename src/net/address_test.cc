#include "net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace perdure::net {
namespace {

struct KindCase {
  const char* address;
  AddressKind kind;
};

using K = AddressKind;
constexpr KindCase k_kinds[] = {
    {"8.8.8.8", K::global},
    {"1.1.1.1", K::global},
    {"2606:4700:4700::1111", K::global},
    {"0.0.0.0", K::unspecified},
    {"0.1.2.3", K::unspecified},
    {"::", K::unspecified},
    {"127.0.0.1", K::loopback},
    {"127.255.255.254", K::loopback},
    {"::1", K::loopback},
    {"10.0.0.1", K::private_network},
    {"172.16.0.1", K::private_network},
    {"172.31.255.255", K::private_network},
    {"172.32.0.1", K::global},
    {"172.15.255.255", K::global},
    {"192.168.1.1", K::private_network},
    {"192.167.1.1", K::global},
    {"100.64.0.1", K::shared},
    {"100.127.255.255", K::shared},
    {"100.128.0.1", K::global},
    {"100.63.255.255", K::global},
    {"169.254.1.1", K::link_local},
    {"169.254.169.254", K::metadata},
    {"169.254.170.2", K::metadata},
    {"100.100.100.200", K::metadata},
    {"168.63.129.16", K::metadata},
    {"192.0.0.192", K::metadata},
    {"224.0.0.1", K::multicast},
    {"239.255.255.255", K::multicast},
    {"255.255.255.255", K::multicast},
    {"240.0.0.1", K::reserved},
    {"192.0.2.1", K::reserved},
    {"198.18.0.1", K::reserved},
    {"198.51.100.7", K::reserved},
    {"203.0.113.7", K::reserved},
    {"fe80::1", K::link_local},
    {"febf::1", K::link_local},
    {"fc00::1", K::private_network},
    {"fd12:3456::1", K::private_network},
    {"fec0::1", K::private_network},
    {"fd00:ec2::254", K::metadata},
    {"fd20:ce::254", K::metadata},
    {"ff02::1", K::multicast},
    {"2001:db8::1", K::reserved},
    {"3fff::1", K::reserved},
    {"2001::1", K::reserved},
    {"100::1", K::reserved},
    {"4000::1", K::reserved},
    // IPv4 inside IPv6
    {"::ffff:127.0.0.1", K::loopback},
    {"::ffff:169.254.169.254", K::metadata},
    {"::ffff:8.8.8.8", K::global},
    {"::ffff:a00:1", K::private_network},
    {"::127.0.0.1", K::loopback},
    {"::10.0.0.1", K::private_network},
    {"::ffff:0:10.0.0.1", K::private_network},
    {"64:ff9b::127.0.0.1", K::loopback},
    {"64:ff9b::a9fe:a9fe", K::metadata},
    {"64:ff9b::8.8.8.8", K::global},
    {"64:ff9b:1::8.8.8.8", K::private_network},
    {"2002:7f00:1::", K::loopback},
    {"2002:a00:1::1", K::private_network},
    {"2002:a9fe:a9fe::", K::metadata},
    {"2002:808:808::1", K::global},
    {"2606:4700::5efe:10.0.0.1", K::private_network},
    {"2606:4700::200:5efe:127.0.0.1", K::loopback},
    {"fe80::5efe:8.8.8.8", K::link_local},
};

TEST(Address, IsClassifiedByItsRange) {
  for (const KindCase& c : k_kinds) {
    const auto address = IpAddress::parse(c.address);
    ASSERT_TRUE(address) << c.address;
    EXPECT_EQ(to_string(classify(*address)), to_string(c.kind)) << c.address;
  }
}

TEST(Address, OnlyTheUsualSpellingsAreRead) {
  for (const char* good : {"1.2.3.4", "::", "[::1]", "2001:db8::7", "::ffff:1.2.3.4"}) {
    EXPECT_TRUE(IpAddress::parse(good)) << good;
  }
  for (const char* bad :
       {"", "1.2.3", "0177.0.0.1", "0x7f.1", "2130706433", "1.2.3.256", "1.2.3.4 ", ":::", "fe80::1%eth0", "localhost",
        "[1.2.3.4", "1.2.3.4/8", "gggg::1", "11111111111111111111111111111111111111111111111111111111"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0.5", 10)));
  EXPECT_EQ(IpAddress::parse("::ffff:1.2.3.4")->text(), "1.2.3.4");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0::7")->text(), "2001:db8::7");
}

TEST(Address, ComesFromASocketAddress) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(0x7f000001);
  EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&four), sizeof four)->text(), "127.0.0.1");
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_addr.s6_addr[15] = 1;
  EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&six), sizeof six)->text(), "::1");
  EXPECT_FALSE(IpAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&six), sizeof four));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(IpAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&local), sizeof local));
  EXPECT_FALSE(IpAddress::from_sockaddr(nullptr, 0));
}

TEST(Cidr, ContainsItsRange) {
  const auto contains = [](const char* range, const char* address) {
    return Cidr::parse(range)->contains(*IpAddress::parse(address));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("10.1.2.0/23", "10.1.3.255"));
  EXPECT_FALSE(contains("10.1.2.0/23", "10.1.4.0"));
  EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2606::1"));
  EXPECT_TRUE(contains("::/0", "8.8.8.8"));
  EXPECT_TRUE(contains("fd00::/9", "fd7f::1"));
  EXPECT_FALSE(contains("fd00::/9", "fd80::1"));
  EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
  EXPECT_EQ(Cidr::parse("10.0.0.0/8")->text(), "10.0.0.0/8");
  EXPECT_EQ(Cidr::parse("fd00::/8")->text(), "fd00::/8");
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129", "/8", "x/8"}) {
    EXPECT_FALSE(Cidr::parse(bad)) << bad;
  }
}

TEST(AddressPolicy, DeniesEverythingInsideByDefault) {
  const AddressPolicy policy;
  const auto check = [&](const char* address) { return check_address(policy, *IpAddress::parse(address)); };
  EXPECT_TRUE(check("8.8.8.8"));
  for (const char* inside : {"127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
                             "0.0.0.0", "fe80::1", "224.0.0.1", "2002:a00:1::", "100.64.0.1"}) {
    EXPECT_FALSE(check(inside)) << inside;
  }
  EXPECT_EQ(check("10.0.0.1").error().message,
            "connections to 10.0.0.1 are not allowed: it is a private network address; an operator can allow private "
            "networks, or its range");
}

TEST(AddressPolicy, OpensWhatItSaysAndNoMore) {
  AddressPolicy policy;
  const auto allowed = [&](const char* address) {
    return check_address(policy, *IpAddress::parse(address)).has_value();
  };
  policy.allow_loopback = true;
  EXPECT_TRUE(allowed("127.0.0.1"));
  EXPECT_TRUE(allowed("::1"));
  EXPECT_FALSE(allowed("10.0.0.1"));
  policy.allow_private = true;
  EXPECT_TRUE(allowed("10.0.0.1"));
  EXPECT_TRUE(allowed("fd00::1"));
  EXPECT_FALSE(allowed("169.254.169.254"));
  EXPECT_FALSE(allowed("100.100.100.200"));
  EXPECT_FALSE(allowed("169.254.1.1"));
  policy.deny.push_back(*Cidr::parse("10.0.0.0/24"));
  EXPECT_FALSE(allowed("10.0.0.1"));
  EXPECT_FALSE(allowed("::ffff:10.0.0.1"));
  EXPECT_FALSE(allowed("64:ff9b::10.0.0.1"));
  EXPECT_TRUE(allowed("10.0.1.1"));
  policy.allow.push_back(*Cidr::parse("169.254.169.254"));
  EXPECT_TRUE(allowed("169.254.169.254"));
  policy.deny.push_back(*Cidr::parse("169.254.0.0/16"));
  EXPECT_FALSE(allowed("169.254.169.254"));
}

}  // namespace
}  // namespace perdure::net
