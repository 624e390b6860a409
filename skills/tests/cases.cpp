#include "cases.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace librebird::skills {
namespace json = boost::json;
namespace fs = std::filesystem;
namespace {

json::value read_json(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  boost::system::error_code error;
  json::value value = json::parse(text.str(), error);
  if (error) throw std::runtime_error(path.string() + ": " + error.message());
  return value;
}

std::string differs(const std::string& at, const json::value& expected, const json::value& actual) {
  return at + ": expected " + json::serialize(expected) + ", got " + json::serialize(actual);
}

std::string match_members(const json::object& expected, const json::object& actual, const std::string& at) {
  for (const auto& [key, value] : expected) {
    const json::value* found = actual.if_contains(key);
    if (found == nullptr) return at + ": no member " + std::string(key);
    if (std::string what = difference(value, *found, at + "." + std::string(key)); !what.empty()) return what;
  }
  return {};
}

}  // namespace

std::string difference(const json::value& expected, const json::value& actual, const std::string& at) {
  if (const json::object* object = expected.if_object()) {
    if (const json::value* pattern = object->if_contains("$regex")) {
      const bool fits = actual.is_string() && std::regex_search(std::string(actual.as_string()),
                                                                std::regex(std::string(pattern->as_string())));
      return fits ? std::string() : differs(at, expected, actual);
    }
    if (const json::value* number = object->if_contains("$number_near")) {
      const double wanted = number->to_number<double>();
      const bool fits =
          actual.is_number() && std::abs(actual.to_number<double>() - wanted) <= 1e-9 * std::max(1.0, std::abs(wanted));
      return fits ? std::string() : differs(at, expected, actual);
    }
    if (object->contains("$any")) return {};
    if (!actual.is_object()) return differs(at, expected, actual);
    if (const json::value* members = object->if_contains("$has"))
      return match_members(members->as_object(), actual.as_object(), at);
    if (object->size() != actual.as_object().size()) return differs(at, expected, actual);
    return match_members(*object, actual.as_object(), at);
  }
  if (const json::array* array = expected.if_array()) {
    if (!actual.is_array() || actual.as_array().size() != array->size()) return differs(at, expected, actual);
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (std::string what = difference((*array)[i], actual.as_array()[i], at + "[" + std::to_string(i) + "]");
          !what.empty())
        return what;
    }
    return {};
  }
  return expected == actual ? std::string() : differs(at, expected, actual);
}

std::vector<Case> all_cases() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(LIBREBIRD_SKILLS_DIRECTORY)) {
    const fs::path tool = entry.path().parent_path();
    if (entry.path().extension() == ".json" && tool.parent_path().filename() == "cases") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Case> cases;
  for (const fs::path& path : files) {
    const json::value content = read_json(path);
    const json::array list = content.is_array() ? content.as_array() : json::array{content};
    for (std::size_t i = 0; i < list.size(); ++i) {
      Case c;
      c.tool = path.parent_path().filename().string();
      c.content = list[i].as_object();
      c.name = c.tool + "/" + path.filename().string() + "#" + std::to_string(i + 1) + ": " +
               std::string(c.content.at("description").as_string());
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

std::string request_of(const Case& c, std::string_view work_directory) {
  json::object request{{"type", "call"}, {"id", "c1"}, {"tool", c.tool}, {"work_directory", work_directory}};
  request["arguments"] = c.content.at("arguments");
  request["now"] = c.content.contains("clock") ? c.content.at("clock") : json::value(1'700'000'000'000);
  if (const json::value* zone = c.content.if_contains("zone")) request["zone"] = *zone;
  return json::serialize(request);
}

void write_files(const Case& c, const std::string& directory) {
  const json::value* files = c.content.if_contains("files");
  if (files == nullptr) return;
  for (const auto& [name, content] : files->as_object()) {
    const fs::path path = fs::path(directory) / std::string(name);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << std::string_view(content.as_string());
  }
}

}  // namespace librebird::skills
