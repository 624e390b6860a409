#pragma once

// The route table of /api/v1, with the permission each route needs. Pure data and matching; any thread.

#include <librebird/core/policy/permissions.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api.hpp"

namespace librebird::gateway {

// What a route's requests may bring.
enum class Takes {
  json,
  archive,  // JSON, or the bytes of an archive
  upload,   // the bytes of an archive of any size, which the handler reads as they come
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // below /api/v1; {} stands for one path segment
  Task<Answer> (Api::*handler)(Call&);
  policy::Permission permission;  // checked before the handler is called, and nowhere else
  Takes takes = Takes::json;
};

// Whether a route needs no credential.
[[nodiscard]] inline bool is_open(const Route& route) { return !policy::row_of(route.permission).least; }

[[nodiscard]] std::span<const Route> routes();

// What is served beside /api/v1, by path or its beginning.
struct Door {
  std::string_view path;
  policy::Permission permission;
};
inline constexpr Door kMetricsDoor{"/metrics", policy::Permission::operate};
inline constexpr Door kSocketDoor{"/ws", policy::Permission::use_account};
inline constexpr Door kCompatibleDoor{"/v1/", policy::Permission::chat};
inline constexpr Door kMcpDoor{"/mcp", policy::Permission::use_tools};

struct Match {
  const Route* route = nullptr;              // null: no such path, or not with this method
  std::vector<std::string> parameters;
  std::vector<std::string_view> allowed;     // methods of that path
};

[[nodiscard]] Match match_route(std::string_view method, std::string_view path);

}  // namespace librebird::gateway
