// Counts of characters, words, sentences, paragraphs and lines, and the time to read or speak.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <set>
#include <string>
#include <string_view>

namespace librebird::skills {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
double to_one_digit(double value) { return std::round(value * 10) / 10; }

// The word without the punctuation around it, in lower case (ASCII): "Hello," and "hello" are one word.
std::string bare(std::string_view word) {
  constexpr std::string_view kPunctuation = ".,;:!?\"'()[]{}<>*_`~-";
  while (!word.empty() && kPunctuation.find(word.front()) != std::string_view::npos) word.remove_prefix(1);
  while (!word.empty() && kPunctuation.find(word.back()) != std::string_view::npos) word.remove_suffix(1);
  std::string out(word);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

struct Counts {
  std::int64_t words = 0;
  std::int64_t letters = 0;
  std::set<std::string> unique;
  std::int64_t sentences = 0;
  std::int64_t paragraphs = 0;
  std::int64_t lines = 0;
  std::int64_t spaces = 0;
};

void count_words(Counts& counts, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++counts.spaces;
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && !is_space(text[end])) ++end;
    ++counts.words;
    const std::string word = bare(text.substr(i, end - i));
    counts.letters += count_characters(word);
    if (!word.empty()) counts.unique.insert(word);
    i = end;
  }
}

// A sentence ends at a run of . ! ? before a space or the end; text after the last one is a sentence too.
void count_sentences(Counts& counts, std::string_view text) {
  bool open = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == '.' || text[i] == '!' || text[i] == '?';
    if (mark && open && (i + 1 == text.size() || is_space(text[i + 1]) || text[i + 1] == '"' || text[i + 1] == ')')) {
      ++counts.sentences;
      open = false;
    } else if (!mark && !is_space(text[i]) && text[i] != '"' && text[i] != ')') {
      open = true;
    }
  }
  if (open) ++counts.sentences;
}

void count_lines(Counts& counts, std::string_view text) {
  bool in_paragraph = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    ++counts.lines;
    bool blank = true;
    for (const char c : line) blank = blank && is_space(c);
    if (!blank && !in_paragraph) ++counts.paragraphs;
    in_paragraph = !blank;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<boost::json::object> text_stats(const boost::json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(text, text_argument(arguments, "text"));
  Counts counts;
  count_words(counts, text);
  count_sentences(counts, text);
  count_lines(counts, text);
  const std::int64_t characters = count_characters(text);
  const auto words = static_cast<double>(counts.words);
  const double per_word = counts.words > 0 ? static_cast<double>(counts.letters) / words : 0;
  const double per_sentence = counts.sentences > 0 ? words / static_cast<double>(counts.sentences) : 0;
  return boost::json::object{
      {"characters", characters},
      {"characters_no_spaces", characters - counts.spaces},
      {"words", counts.words},
      {"unique_words", counts.unique.size()},
      {"sentences", counts.sentences},
      {"paragraphs", counts.paragraphs},
      {"lines", counts.lines},
      {"reading_time_minutes", to_one_digit(words / 200)},
      {"speaking_time_minutes", to_one_digit(words / 150)},
      {"avg_word_length", to_one_digit(per_word)},
      {"avg_sentence_length", to_one_digit(per_sentence)},
  };
}

}  // namespace librebird::skills
