#include <librebird/core/ports/tool_runtime.hpp>

namespace librebird {

Task<Status> ToolRuntime::prepare(const SkillManifest& /*skill*/, const std::string& /*folder*/, SkillBuild& /*build*/,
                                  std::stop_token /*stop*/) {
  co_return Ok{};
}

bool ToolRuntime::describes(const SkillManifest& /*skill*/) const { return false; }

}  // namespace librebird
