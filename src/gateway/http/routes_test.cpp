#include "routes.hpp"

#include <librebird/gateway/gateway.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <fstream>
#include <set>
#include <sstream>

namespace librebird::gateway {
namespace {

TEST(Routes, MatchPathsAndMethods) {
  const Match match = match_route("POST", "/conversations/abc/messages");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.parameters, std::vector<std::string>{"abc"});
  const Match wrong_method = match_route("PUT", "/conversations/abc");
  EXPECT_EQ(wrong_method.route, nullptr);
  EXPECT_EQ(wrong_method.allowed.size(), 3U);
  for (const char* path : {"", "/", "/conversations/", "/conversations//messages", "/conversations/a/b/c", "/nope"}) {
    EXPECT_TRUE(match_route("GET", path).allowed.empty()) << path;
  }
  EXPECT_NE(match_route("HEAD", "/me").route, nullptr);
}

TEST(Routes, OnlySignInIsOpen) {
  // Written out, so that nobody opens a route unseen.
  const std::set<std::string> open = {"POST /session",
                                      "GET /auth/methods",
                                      "POST /auth/sign-in",
                                      "POST /auth/second-factor",
                                      "POST /auth/token",
                                      "POST /auth/register",
                                      "POST /auth/magic-link",
                                      "POST /auth/reset-password",
                                      "POST /auth/reset-password/confirm",
                                      "POST /auth/verify-email",
                                      "GET /auth/providers",
                                      "GET /auth/oidc/{}/start",
                                      "GET /auth/oidc/{}/callback"};
  for (const Route& route : routes()) {
    const std::string name = std::string(route.method) + " " + std::string(route.pattern);
    EXPECT_EQ(is_open(route), open.contains(name)) << name;
  }
}

// The description and the table say the same.
TEST(Routes, AreAllDescribed) {
  std::ifstream file(LIBREBIRD_OPENAPI);
  std::stringstream text;
  text << file.rdbuf();
  const auto document = boost::json::parse(text.str()).as_object();
  std::set<std::string> described;
  for (const auto& path : document.at("paths").as_object()) {
    if (!path.key().starts_with("/api/v1/")) continue;
    for (const auto& operation : path.value().as_object()) {
      std::string name(path.key().substr(7));
      for (std::size_t open = name.find('{'); open != std::string::npos; open = name.find('{', open + 1)) {
        name.erase(open + 1, name.find('}', open) - open - 1);
      }
      std::string method(operation.key());
      if (method == "parameters") continue;
      for (char& c : method) c = static_cast<char>(c - 32);
      described.insert(method + " " + name);
    }
  }
  std::set<std::string> served;
  for (const Route& route : routes()) served.insert(std::string(route.method) + " " + std::string(route.pattern));
  EXPECT_EQ(described, served);
}

}  // namespace
}  // namespace librebird::gateway
