#include <librebird/gateway/body.hpp>
#include <librebird/gateway/problem.hpp>
#include <librebird/gateway/views.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace librebird::gateway {
namespace {

TEST(Body, ReadsWhatWasDeclared) {
  auto body = Body::parse(R"({"a":"x","b":true,"c":7,"d":{"e":1}})");
  ASSERT_TRUE(body);
  EXPECT_EQ(*body->text("a", 10), "x");
  EXPECT_EQ(**body->optional_flag("b"), true);
  EXPECT_EQ(**body->optional_integer("c", 0, 10), 7);
  auto inner = body->optional_object("d");
  ASSERT_TRUE(inner && *inner);
  EXPECT_FALSE((*inner)->done());
  EXPECT_TRUE((*inner)->optional_integer("e", 0, 1));
  EXPECT_TRUE((*inner)->done());
  EXPECT_TRUE(body->done());
}

// Read as infinity, such a number would be written as a word that is not JSON and spoil all that stands around it.
TEST(Views, NumbersBeyondADoubleStayReadable) {
  JsonWriter json;
  const ToolResult result{"c", ToolStatus::ok, R"({"x":1e600})", Millis(1)};
  write(json, ToolCall{"c", "tool", R"({"y":-1e400,"z":0e600})"}, &result);
  boost::system::error_code failure;
  boost::json::parse(json.text(), failure);
  EXPECT_FALSE(failure) << json.text();
  auto body = Body::parse(R"({"a":[1e600],"b":"Infinity"})");
  EXPECT_FALSE(body->optional_json("a"));
  EXPECT_EQ(**body->optional_json("b"), R"("Infinity")");
}

TEST(Body, ReadsObjectsOfAList) {
  auto body = Body::parse(R"({"people":[{"id":"a"},{"id":"b"}]})");
  auto people = body->objects("people", 2);
  ASSERT_TRUE(people.ok() && people->size() == 2U);
  EXPECT_EQ(*people->at(1).text("id", 9), "b");
  EXPECT_TRUE(people->at(1).done() && body->done());
  EXPECT_FALSE(people->at(0).done());
  EXPECT_NE(people->at(0).done().error().message.find("people[0].id"), std::string::npos);
  EXPECT_TRUE(Body::parse("{}")->objects("people", 2)->empty());
  for (const char* bad : {R"({"people":{}})", R"({"people":[1]})", R"({"people":[{},{},{}]})", R"({"people":"x"})"}) {
    EXPECT_FALSE(Body::parse(bad)->objects("people", 2).ok()) << bad;
  }
}

TEST(Body, RefusesTheRest) {
  for (const char* bad : {"[]", "nul", "{", "{\"a\":1}x", "\"x\"", "{\"a\":\"\xFF\"}"}) {
    EXPECT_FALSE(Body::parse(bad)) << bad;
  }
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_FALSE(Body::parse("{\"a\":" + deep + "}"));
  auto body = Body::parse(R"({"a":1,"long":"12345","nul":"a\u0000b","n":1.5,"extra":0})");
  ASSERT_TRUE(body);
  EXPECT_FALSE(body->text("a", 10));
  EXPECT_EQ(body->text("long", 4).error().code, Code::too_large);
  EXPECT_FALSE(body->text("nul", 10));
  EXPECT_FALSE(body->optional_integer("n", 0, 9));
  EXPECT_FALSE(body->text("absent", 10));
  EXPECT_NE(body->done().error().message.find("extra"), std::string::npos);
}

TEST(Problem, HasTheShapeOfRfc9457) {
  Error error = make_error(Code::resource_exhausted, "Too many \"open\" turns; wait.");
  error.retry_after = Millis(1500);
  EXPECT_EQ(retry_after_seconds(error), 2);
  const auto json = boost::json::parse(problem_json(error, "r1")).as_object();
  EXPECT_EQ(json.at("status").to_number<int>(), 429);
  EXPECT_EQ(json.at("code").as_string(), "resource_exhausted");
  EXPECT_TRUE(json.at("retryable").as_bool());
  EXPECT_EQ(json.at("request_id").as_string(), "r1");
  EXPECT_FALSE(json.contains("limit"));

  error.limit = std::make_shared<const LimitUse>(LimitUse{"user", "messages_a_day", 2, 2, "operator", 86'400'000});
  const auto limited = boost::json::parse(problem_json(error, "r1")).as_object();
  EXPECT_EQ(limited.at("limit"), boost::json::parse(R"({"of":"user","what":"messages_a_day","used":2,"limit":2,
                                     "raised_by":"operator","resets_at":"1970-01-02T00:00:00.000Z"})"));
}

TEST(Views, ShowBrokenArgumentsAndResultsSafely) {
  Message message;
  message.role = MessageRole::assistant;
  message.parts = {TextPart{"a"}, ToolCallPart{ToolCall{"i", "t", "{\"x\":"}, std::nullopt},
                   ToolCallPart{ToolCall{"j", "t", "[1]"}, ToolResult{"j", ToolStatus::ok, "not json", Millis(3)}}};
  const auto json = boost::json::parse(view(message)).as_object();
  const auto& parts = json.at("parts").as_array();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[1].at("call").at("arguments").at("invalid_json").as_string(), "{\"x\":");
  EXPECT_EQ(parts[1].at("call").at("status").as_string(), "running");
  EXPECT_TRUE(parts[1].at("call").at("result").is_null());
  EXPECT_EQ(parts[2].at("call").at("result").as_string(), "not json");
  EXPECT_EQ(parts[2].at("call").at("duration_ms").to_number<int>(), 3);
}

}  // namespace
}  // namespace librebird::gateway
