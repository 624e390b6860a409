#pragma once

// What is wrong with the container engine and what to do about it: one sentence of cause, one of remedy. Pure but for
// our own user's name. All are failed_precondition: what was asked for is missing, so nothing runs.

#include "docker_sandbox.hpp"

#include <librebird/base/result.hpp>

#include <string>
#include <vector>

namespace librebird::docker {

// `failure`: of connecting to `socket`.
Error unreachable(const std::string& socket, bool configured, const std::vector<std::string>& tried,
                  const Error& failure);
Error image_missing(const std::string& image, const std::string& platform_image);
Error runtime_missing(const std::string& runtime, const EngineFacts& facts);
Error runtime_ignored(const std::string& runtime, const std::string& given);
// What the engine cannot limit or allow; Ok if it can everything.
Status capable(const EngineFacts& facts);
Error tool_missing();
// An error of the engine while a container was made.
Error not_contained(const Error& failure);

}  // namespace librebird::docker
