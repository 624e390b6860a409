#include "challenge.hpp"

#include <gtest/gtest.h>

namespace librebird::hands::oauth {
namespace {

TEST(Challenge, SaysWhereAndWhat) {
  const auto read = parse_challenge(
      R"(Bearer error="invalid_token", resource_metadata="https://a.example/.well-known/x?y=1", scope="read write")");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->resource_metadata, "https://a.example/.well-known/x?y=1");
  EXPECT_EQ(read->scope, "read write");
}

TEST(Challenge, IsFoundAmongOthers) {
  for (const char* header :
       {R"(Basic realm="a, Bearer scope=no", Bearer scope="yes")", R"(Negotiate abc==, bearer scope=yes)",
        R"(Digest realm="x", nonce="y",BEARER  scope = "yes" , Basic scope="no")",
        R"(Bearer scope="yes", Bearer scope="no")", R"(, ,Bearer scope="y\es")"}) {
    const auto read = parse_challenge(header);
    ASSERT_TRUE(read) << header;
    EXPECT_EQ(read->scope, "yes") << header;
  }
}

TEST(Challenge, MayBeBareOrBroken) {
  EXPECT_TRUE(parse_challenge("Bearer"));
  EXPECT_EQ(parse_challenge("Bearer")->resource_metadata, "");
  EXPECT_EQ(parse_challenge(R"(Bearer resource_metadata="https://a.example)")->resource_metadata, "");
  EXPECT_EQ(parse_challenge("Bearer scope=")->scope, "");
  for (const char* header : {"", " ", ",,", "Basic realm=\"Bearer\"", "=\"", "\"Bearer\"", "Bearer\x01", "\xff"}) {
    const auto read = parse_challenge(header);
    EXPECT_TRUE(!read || (read->scope.empty() && read->resource_metadata.empty())) << header;
  }
  EXPECT_FALSE(parse_challenge("Bearer scope=\"" + std::string(9000, 'x') + "\""));
}

}  // namespace
}  // namespace librebird::hands::oauth
