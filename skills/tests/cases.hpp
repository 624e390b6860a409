#pragma once

// Tool cases as data: skills/official/<skill>/cases/<tool>/*.json holds one case or a list of them:
//   {"description", "arguments", "expect", "clock"?: ms, "zone"?: {...}, "files"?: {"path": "content"}}
// `expect` is compared exactly, except for the matchers {"$regex": r}, {"$number_near": n}, {"$any": true} and
// {"$has": {...}} (an object with at least these members).

#include <boost/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::skills {

struct Case {
  std::string name;  // "<tool>/<file>#<number>: <description>"
  std::string tool;
  boost::json::object content;
};

// Every case of every skill. Throws on a broken file: the test names it.
std::vector<Case> all_cases();

// The runner's request for a case whose files lie in `work_directory`.
std::string request_of(const Case& c, std::string_view work_directory);

void write_files(const Case& c, const std::string& directory);

// Empty if `actual` is as expected, else what differs.
std::string difference(const boost::json::value& expected, const boost::json::value& actual,
                       const std::string& at = "$");

}  // namespace librebird::skills
