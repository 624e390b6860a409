#pragma once

// Tools that act on this machine's desktop (runs_on: device). They are not sandboxed, so there are few of them, each
// starts one fixed program with checked arguments and never a shell. Loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/tool.hpp>

#include <stop_token>
#include <string>

namespace librebird::hands {

class DeviceRunner {
 public:
  explicit DeviceRunner(Executor executor) : executor_(executor) {}
  // The JSON result. `arguments_json` fits the tool's schema. Errors are for the model.
  Task<Result<std::string>> run(ToolSpec tool, std::string arguments_json, std::stop_token stop);

 private:
  Task<Status> start(std::vector<std::string> argv, std::stop_token stop);
  Executor executor_;
};

// "example.org" becomes "https://example.org"; only http, https and mailto pass. Errors: invalid_argument.
Result<std::string> checked_url(std::string url);
// [A-Za-z0-9._-], not starting with a dash or a dot. Errors: invalid_argument.
Result<std::string> checked_app_name(std::string name);

}  // namespace librebird::hands
