#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ForeignJson, IsOneObjectAndNotDeep) {
  EXPECT_TRUE(parse_object(R"({"a":1})"));
  for (const std::string& text : {std::string("[]"), std::string("1"), std::string("{\"a\":1"), std::string(),
                                  "{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}",
                                  std::string(100'000, '{'), std::string("{} {}"), std::string("{\"a\":\xff}")}) {
    EXPECT_FALSE(parse_object(text)) << text.substr(0, 40);
  }
}

TEST(ForeignJson, WhatIsOfAnotherTypeIsNotThere) {
  const auto object =
      *parse_object(R"({"text":"a","number":5,"half":5.9,"huge":1e300,"list":["a",1,null,"b"],"yes":true,)"
                    R"("said":"true","no":false,"null":null,"one":1})");
  EXPECT_EQ(text_at(object, "text"), "a");
  for (const char* key : {"number", "list", "null", "absent"}) EXPECT_EQ(text_at(object, key), "");
  EXPECT_THAT(texts_at(object, "list"), ElementsAre("a", "b"));
  EXPECT_THAT(texts_at(object, "text"), ElementsAre("a"));
  EXPECT_THAT(texts_at(object, "number"), IsEmpty());
  EXPECT_EQ(integer_at(object, "number"), 5);
  EXPECT_EQ(integer_at(object, "half"), 5);
  for (const char* key : {"huge", "text", "null", "absent"}) EXPECT_EQ(integer_at(object, key), std::nullopt) << key;
  EXPECT_TRUE(flag_at(object, "yes"));
  EXPECT_TRUE(flag_at(object, "said"));
  for (const char* key : {"no", "one", "null", "absent", "text"}) EXPECT_FALSE(flag_at(object, key)) << key;
}

}  // namespace
}  // namespace librebird::net
