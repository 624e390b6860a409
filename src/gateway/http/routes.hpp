#pragma once

// The route table of /api/v1. Pure data and matching; any thread.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api.hpp"

namespace librebird::gateway {

struct Route {
  std::string_view method;
  std::string_view pattern;  // below /api/v1; {} stands for one path segment
  Task<Answer> (Api::*handler)(Call&);
  bool open = false;         // needs no credential
  bool archive = false;      // takes the bytes of an archive as well as JSON
};

[[nodiscard]] std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;              // null: no such path, or not with this method
  std::vector<std::string> parameters;
  std::vector<std::string_view> allowed;     // methods of that path
};

[[nodiscard]] Match match_route(std::string_view method, std::string_view path);

}  // namespace librebird::gateway
