#include "routes.hpp"

#include <librebird/gateway/gateway.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <cstdlib>
#include <fstream>
#include <map>
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
                                      "POST /invitations/look",
                                      "POST /invitations/decline"};
  for (const Route& route : routes()) {
    const std::string name = std::string(route.method) + " " + std::string(route.pattern);
    EXPECT_EQ(is_open(route), open.contains(name)) << name;
  }
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The description and the table say the same: which routes there are, and which permission each needs.
TEST(Routes, AreAllDescribed) {
  const auto document = boost::json::parse(content_of(LIBREBIRD_OPENAPI)).as_object();
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
      const std::string needs(operation.value().at("x-permission").as_string());
      described.insert(method + " " + name + " " + needs);
      EXPECT_EQ(operation.value().as_object().contains("security"), needs == "sign_in") << name;
    }
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    served.insert(std::string(route.method) + " " + std::string(route.pattern) + " " +
                  std::string(policy::row_of(route.permission).name));
  }
  EXPECT_EQ(described, served);
  std::map<std::string, std::string> described_frames;
  for (const auto& frame : document.at("x-frames").as_object()) {
    described_frames[frame.key()] = std::string(frame.value().as_string());
  }
  std::map<std::string, std::string> frames;
  for (const FrameKind& kind : kFrameKinds) {
    frames[std::string(kind.type)] = std::string(policy::row_of(kind.permission).name);
  }
  EXPECT_EQ(described_frames, frames);
  std::map<std::string, std::string> described_roles;
  for (const auto& row : document.at("x-permissions").as_object()) {
    described_roles[row.key()] = row.value().is_null() ? "nobody" : std::string(row.value().as_string());
  }
  std::map<std::string, std::string> roles;
  for (const auto& row : policy::kPermissions) {
    roles[std::string(row.name)] = row.least ? std::string(to_string(*row.least)) : "nobody";
  }
  EXPECT_EQ(described_roles, roles);
}

// docs/permissions.md, from the tables.
std::string permissions_page() {
  std::string page =
      "# Who may do what\n\n"
      "Generated from `src/core/policy` and the tables of routes and frames; do not edit. `gateway_http_tests` fails\n"
      "when this page is stale, and writes it when run with `LIBREBIRD_WRITE_DOCS=1`.\n\n"
      "A permission says what a role may do at all. Whose conversations it may do it to is decided by the stores: "
      "one's\n"
      "own, and those that were shared (docs/protocol.md). Nobody changes the role of somebody who stands as high, or\n"
      "gives a role above his own; a workspace has one owner, who can only be changed by a transfer.\n\n"
      "| permission | not signed in | guest | member | admin | owner | what |\n|---|---|---|---|---|---|---|\n";
  const auto mark = [](bool yes) { return yes ? " yes |" : " |"; };
  for (const auto& row : policy::kPermissions) {
    page += "| `" + std::string(row.name) + "` |" + mark(!row.least);
    for (const Role role : {Role::guest, Role::member, Role::admin, Role::owner}) {
      page += mark(policy::allows(role, row.permission));
    }
    page += " " + std::string(row.what) + " |\n";
  }
  page += "\n## What needs which\n\n| request, or frame on `/ws` | permission |\n|---|---|\n";
  const auto line = [&page](const std::string& what, policy::Permission permission) {
    page += "| `" + what + "` | `" + std::string(policy::row_of(permission).name) + "` |\n";
  };
  for (const Route& route : routes()) {
    line(std::string(route.method) + " /api/v1" + std::string(route.pattern), route.permission);
  }
  for (const Door& door : {kCompatibleDoor, kMcpDoor, kSocketDoor, kMetricsDoor}) {
    line(std::string(door.path) + (door.path.ends_with('/') ? "*" : ""), door.permission);
  }
  for (const FrameKind& kind : kFrameKinds) line("frame " + std::string(kind.type), kind.permission);
  page +=
      "\n`/metrics` is open to the machine itself. The hands ask once more for what reaches them by other ways:\n"
      "`use_tools` or `use_device_tools` for each call, `see_skills` and `manage_skills`, `answer_approvals`,\n"
      "`set_tool_mode`; the stores of workspaces and invitations look the caller's role up anew for each change.\n";
  return page;
}

TEST(Routes, ThePageOfPermissionsIsFresh) {
  const std::string page = permissions_page();
  if (std::getenv("LIBREBIRD_WRITE_DOCS") != nullptr) std::ofstream(LIBREBIRD_PERMISSIONS_PAGE) << page;
  EXPECT_EQ(content_of(LIBREBIRD_PERMISSIONS_PAGE), page);
}

}  // namespace
}  // namespace librebird::gateway
