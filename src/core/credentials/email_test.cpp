#include <librebird/core/credentials/email.hpp>

#include <gtest/gtest.h>

namespace librebird {
namespace {

TEST(Email, IsKeptInOneForm) {
  EXPECT_EQ(normal_email(" Some.One+Tag@Example.ORG ").value(), "some.one+tag@example.org");
  EXPECT_EQ(normal_email("cafe\xcc\x81@b\xc3\xbc"
                         "cher.example")
                .value(),
            "caf\xc3\xa9@b\xc3\xbc"
            "cher.example");
  EXPECT_EQ(normal_email("a@localhost").value(), "a@localhost");
}

TEST(Email, WhatCannotBeMailedToIsRefused) {
  const std::string long_local(65, 'a');
  for (const std::string& bad : {std::string(),         std::string("@"),
                                 std::string("a"),      std::string("a@"),
                                 std::string("@b"),     std::string("a@b@c"),
                                 std::string("a b@c"),  std::string("a@b c"),
                                 std::string("a@-b"),   std::string(".a@b"),
                                 std::string("a..b@c"), std::string("a@b..c"),
                                 std::string("a@b."),   std::string("a\r\nBcc: x@y"),
                                 std::string("a@b\n"),  std::string("<a@b>"),
                                 std::string("a,b@c"),  std::string("\"a\"@b"),
                                 long_local + "@b",     "a@" + std::string(260, 'b'),
                                 std::string("\xff@b"), std::string("a\0@b", 4)}) {
    EXPECT_FALSE(normal_email(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace librebird
