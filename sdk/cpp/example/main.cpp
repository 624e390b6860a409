// A native skill: two tools in one program. See skill.json for what the platform is told about it.
#include <librebird/skill.hpp>

#include <cctype>
#include <iostream>
#include <map>

using librebird::Call;
using librebird::Json;

namespace {

Json word_count(const Json& arguments, Call& call) {
  std::map<std::string, std::int64_t> counts;
  std::string word;
  const std::string& text = arguments["text"].as_text();
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i % 4096 == 0) call.progress(static_cast<double>(i) / static_cast<double>(text.size() + 1));
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : ' ';
    if (std::isspace(c) == 0) {
      word += static_cast<char>(std::tolower(c));
    } else if (!word.empty()) {
      ++counts[std::exchange(word, {})];
    }
  }
  Json words = Json::object();
  for (const auto& [name, count] : counts) words[name] = count;
  return Json::object({{"different", counts.size()}, {"words", words}});
}

// Searches until it is found or the user has enough.
Json next_prime(const Json& arguments, Call& call) {
  std::int64_t number = arguments["after"].as_integer();
  if (number < 0 || number > 1'000'000'000'000) throw std::runtime_error("\"after\" must be from 0 to 1000000000000.");
  std::cout << "searching after " << number << std::endl;  // shown to the user
  for (;;) {
    if (call.cancelled()) throw std::runtime_error("The search was stopped.");
    ++number;
    bool prime = number > 1;
    for (std::int64_t divisor = 2; prime && divisor * divisor <= number; ++divisor) prime = number % divisor != 0;
    if (prime) return Json::object({{"prime", number}});
  }
}

}  // namespace

int main() {
  librebird::Skill skill;
  skill.tool("word_count", "Counts how often each word occurs in a text.",
             R"({"type":"object","properties":{"text":{"type":"string"}},"required":["text"]})", word_count);
  skill.tool("next_prime", "The smallest prime number above a number.",
             R"({"type":"object","properties":{"after":{"type":"integer"}},"required":["after"]})", next_prime);
  return skill.run();
}
