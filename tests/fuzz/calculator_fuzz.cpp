// The calculator's parser on any bytes: it must answer, with a finite number or an error, and in bounded time.
// fuzz-links: librebird_skill_tools librebird_skills_catalog
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace librebird::skills {
Result<boost::json::object> calculator(const boost::json::object& arguments, ToolContext& context);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace librebird::skills;
  ToolContext context;
  const boost::json::object arguments{{"expression", boost::json::string(reinterpret_cast<const char*>(data), size)}};
  const auto result = calculator(arguments, context);
  if (!result) return 0;
  const boost::json::value* number = result->if_contains("result");
  const bool answered = (number != nullptr) != result->contains("error");
  const bool finite = number == nullptr || std::isfinite(number->to_number<double>());
  if (!answered || !finite) std::abort();
  return 0;
}
