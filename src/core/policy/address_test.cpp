#include <librebird/core/policy/address.hpp>

#include <gtest/gtest.h>

namespace librebird::policy {
namespace {

bool in(const char* range, const char* address) { return AddressRange::parse(range).value().contains(address); }

TEST(Address, RangesHoldWhatTheySay) {
  EXPECT_TRUE(in("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(in("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(in("192.168.1.7", "192.168.1.7"));
  EXPECT_FALSE(in("192.168.1.7", "192.168.1.8"));
  EXPECT_TRUE(in("192.168.1.4/30", "192.168.1.7"));
  EXPECT_FALSE(in("192.168.1.4/30", "192.168.1.8"));
  EXPECT_TRUE(in("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(in("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(in("0.0.0.0/0", "::1"));
  EXPECT_FALSE(in("::/0", "8.8.8.8"));
  EXPECT_TRUE(in("::/0", "::1"));
}

TEST(Address, MappedAddressesAreIpv4) {
  EXPECT_TRUE(in("127.0.0.0/8", "::ffff:127.0.0.1"));
  EXPECT_TRUE(in("::ffff:127.0.0.1", "127.0.0.1"));
  EXPECT_EQ(address_block("::ffff:10.1.2.3"), "10.1.2.3");
}

TEST(Address, WhatIsNoAddressIsInNoRange) {
  for (const char* bad : {"", "localhost", "10.0.0.1 ", "10.0.0", "10.0.0.1:80", "::1%lo", "[::1]", "0x0a.0.0.1"}) {
    EXPECT_FALSE(in("0.0.0.0/0", bad)) << bad;
    EXPECT_FALSE(in("::/0", bad)) << bad;
    EXPECT_EQ(address_block(bad), "unknown") << bad;
  }
  EXPECT_FALSE(AddressRange::parse("0.0.0.0/0").value().contains(std::string_view("10.0.0.1\0", 9)));
}

TEST(Address, MalformedRangesAreRefused) {
  for (const char* bad : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8",
                          "::1/64", "::/129", "10.0.0.0/8/8", "any", "10.0.0.0/ 8"}) {
    EXPECT_FALSE(AddressRange::parse(bad).ok()) << bad;
  }
}

TEST(Address, RangesAreWrittenAsTheyAreRead) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "127.0.0.1/32", "::1/128"}) {
    EXPECT_EQ(AddressRange::parse(text).value().text(), text);
  }
}

TEST(Address, BlocksOfSixAreWide) {
  EXPECT_EQ(address_block("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
  EXPECT_EQ(address_block("10.0.0.1"), "10.0.0.1");
}

}  // namespace
}  // namespace librebird::policy
