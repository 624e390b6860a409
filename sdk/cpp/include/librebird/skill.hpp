#pragma once

// What the author of a native skill includes. A skill is a program that offers tools:
//
//   #include <librebird/skill.hpp>
//
//   int main() {
//     librebird::Skill skill;
//     skill.tool("greet", "Greets somebody by name.",
//                R"({"type":"object","properties":{"name":{"type":"string"}},"required":["name"]})",
//                [](const librebird::Json& arguments, librebird::Call&) -> librebird::Json {
//                  return librebird::Json::object({{"greeting", "Hello, " + arguments["name"].as_text() + "!"}});
//                });
//     return skill.run();
//   }
//
// What a handler returns is the result; what it throws (std::exception) is an error that the model reads. Whatever it
// prints is shown to the user, never taken for the answer. One call at a time, no threads needed. The protocol
// (docs/tool-protocol.md) is run()'s business. POSIX and C++20 only.

#include <librebird/json.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct Zone {
  std::string name = "UTC";          // "Europe/Berlin"
  std::string abbreviation = "UTC";  // "CET"
  int offset_seconds = 0;            // east of UTC, at this moment
};

class Wire;

// What a handler knows and can do besides its arguments. Lives as long as the call.
class Call {
 public:
  [[nodiscard]] const Json& settings() const { return settings_; }  // a secret is a placeholder for its hosts
  [[nodiscard]] std::int64_t now() const { return now_; }           // Unix milliseconds
  [[nodiscard]] const Zone& zone() const { return zone_; }
  [[nodiscard]] const std::string& work_directory() const { return work_directory_; }

  // 0 to 1.
  void progress(double fraction, std::string_view message = {});
  void output(std::string_view text);
  // Workers only: something happened that the user should hear of.
  void notify(const Json& data);
  // Whether the user has stopped the call; cheap. Ask in long loops, and throw or return.
  [[nodiscard]] bool cancelled();

 private:
  friend class Skill;
  Call(Wire& wire, const Json& message);
  Wire& wire_;
  std::string id_;
  Json settings_;
  std::int64_t now_ = 0;
  Zone zone_;
  std::string work_directory_;
};

using Handler = std::function<Json(const Json& arguments, Call& call)>;

class Skill {
 public:
  // `parameters`: JSON Schema of the arguments, type "object". Throws std::invalid_argument (a bad or repeated name, a
  // schema that is not JSON).
  void tool(std::string name, std::string description, std::string_view parameters, Handler handler);
  // Serves until its input ends. Returns what main should.
  int run();

 private:
  struct Tool {
    std::string name;
    std::string description;
    Json parameters;
    Handler handler;
  };
  void serve(Wire& wire, const Json& call) const;
  [[nodiscard]] Json description() const;
  std::vector<Tool> tools_;
};

}  // namespace librebird
