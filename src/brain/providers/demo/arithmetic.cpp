#include "intents.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace librebird::brain::demo {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

enum class Kind { number, op, open, close, percent, of, function, constant, other };

struct Token {
  Kind kind;
  std::string text;
};

struct Word {
  std::string_view word;
  Kind kind;
  std::string_view text;
};

constexpr std::array<Word, 22> kWords{{{"plus", Kind::op, "+"},
                                       {"minus", Kind::op, "-"},
                                       {"times", Kind::op, "*"},
                                       {"multiplied", Kind::op, "*"},
                                       {"x", Kind::op, "*"},
                                       {"divided", Kind::op, "/"},
                                       {"over", Kind::op, "/"},
                                       {"mod", Kind::op, "%"},
                                       {"modulo", Kind::op, "%"},
                                       {"percent", Kind::percent, "%"},
                                       {"of", Kind::of, ""},
                                       {"sqrt", Kind::function, "sqrt"},
                                       {"sin", Kind::function, "sin"},
                                       {"cos", Kind::function, "cos"},
                                       {"tan", Kind::function, "tan"},
                                       {"log", Kind::function, "log"},
                                       {"abs", Kind::function, "abs"},
                                       {"round", Kind::function, "round"},
                                       {"ceil", Kind::function, "ceil"},
                                       {"floor", Kind::function, "floor"},
                                       {"pi", Kind::constant, "pi"},
                                       {"pow", Kind::function, "pow"}}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return out;
}

Token word_token(std::string_view word) {
  const std::string name = lower(word);
  for (const Word& known : kWords) {
    if (known.word == name) return {known.kind, std::string(known.text)};
  }
  return {Kind::other, name};
}

// A number; commas between groups of three digits are left out.
Token number_token(std::string_view text, std::size_t& at) {
  std::string number;
  bool point = false;
  while (at < text.size()) {
    const char c = text[at];
    const bool next_digit = at + 1 < text.size() && digit(text[at + 1]);
    if (digit(c)) {
      number.push_back(c);
    } else if (c == '.' && next_digit && !point) {
      point = true;
      number.push_back(c);
    } else if (c == ',' && next_digit && at + 3 < text.size() && digit(text[at + 2]) && digit(text[at + 3]) &&
               (at + 4 >= text.size() || !digit(text[at + 4]))) {
      // a group separator
    } else {
      break;
    }
    ++at;
  }
  return {Kind::number, std::move(number)};
}

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::string_view rest = text.substr(at);
    if (digit(c) || (c == '.' && at + 1 < text.size() && digit(text[at + 1]))) {
      tokens.push_back(number_token(text, at));
    } else if (letter(c)) {
      std::size_t end = at;
      while (end < text.size() && (letter(text[end]) || digit(text[end]) || text[end] == '\'')) ++end;
      tokens.push_back(word_token(text.substr(at, end - at)));
      at = end;
    } else if (rest.starts_with("**")) {
      tokens.push_back({Kind::op, "**"});
      at += 2;
    } else if (rest.starts_with("\xC3\x97") || rest.starts_with("\xC3\xB7")) {
      tokens.push_back({Kind::op, rest[1] == '\x97' ? "*" : "/"});
      at += 2;
    } else if (rest.starts_with("\xE2\x88\x92")) {
      tokens.push_back({Kind::op, "-"});
      at += 3;
    } else {
      ++at;
      if (c == ' ') continue;
      if (c == '(')
        tokens.push_back({Kind::open, "("});
      else if (c == ')')
        tokens.push_back({Kind::close, ")"});
      else if (c == '%')
        tokens.push_back({Kind::percent, "%"});
      else if (c == '^')
        tokens.push_back({Kind::op, "**"});
      else if (c == '+' || c == '-' || c == '*' || c == '/')
        tokens.push_back({Kind::op, std::string(1, c)});
      else
        tokens.push_back({Kind::other, std::string(1, c)});
    }
  }
  return tokens;
}

// "p % of n" -> "n*p/100"; "multiplied by", "square root of", "squared" -> their signs.
std::vector<Token> simplified(const std::vector<Token>& in) {
  std::vector<Token> out;
  const auto is = [&in](std::size_t i, Kind kind) { return i < in.size() && in[i].kind == kind; };
  const auto says = [&in](std::size_t i, std::string_view word) {
    return i < in.size() && in[i].kind == Kind::other && in[i].text == word;
  };
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (is(i, Kind::number) && is(i + 1, Kind::percent) && is(i + 2, Kind::of) && is(i + 3, Kind::number)) {
      out.push_back({Kind::number, in[i + 3].text + "*" + in[i].text + "/100"});
      out.push_back({Kind::op, ""});  // it is arithmetic although there is no sign between
      i += 3;
    } else if (is(i, Kind::op) && says(i + 1, "by")) {
      out.push_back(in[i++]);
    } else if (says(i, "square") && says(i + 1, "root") && is(i + 2, Kind::of) && is(i + 3, Kind::number)) {
      out.push_back({Kind::number, "sqrt(" + in[i + 3].text + ")"});
      out.push_back({Kind::op, ""});
      i += 3;
    } else if (says(i, "squared") || says(i, "cubed")) {
      out.push_back({Kind::op, "**"});
      out.push_back({Kind::number, in[i].text == "squared" ? "2" : "3"});
    } else if (is(i, Kind::percent) && is(i + 1, Kind::number)) {
      out.push_back({Kind::op, "%"});
    } else {
      out.push_back(in[i]);
    }
  }
  return out;
}

bool part_of_expression(const Token& token) {
  return token.kind == Kind::number || token.kind == Kind::op || token.kind == Kind::open ||
         token.kind == Kind::close || token.kind == Kind::function || token.kind == Kind::constant;
}

// The text of a run of tokens if it is a whole expression with something to compute.
std::optional<std::string> expression(const std::vector<Token>& run) {
  std::string text;
  int depth = 0;
  bool value_before = false;
  bool number = false;
  bool work = false;
  for (const Token& token : run) {
    if (token.kind == Kind::op && token.text.empty()) {
      work = true;
      continue;
    }
    const bool sign = token.kind == Kind::op && (token.text == "-" || token.text == "+") && !value_before;
    const bool value = token.kind == Kind::number || token.kind == Kind::constant;
    const bool opens = token.kind == Kind::open || token.kind == Kind::function;
    if ((value || opens) && value_before) return std::nullopt;
    if (token.kind == Kind::op && !sign && !value_before) return std::nullopt;
    if (token.kind == Kind::close && (!value_before || --depth < 0)) return std::nullopt;
    if (token.kind == Kind::open) ++depth;
    work = work || (token.kind == Kind::op && !sign) || token.kind == Kind::function;
    number = number || value;
    value_before = value || token.kind == Kind::close;
    text += token.text;
  }
  if (depth != 0 || !value_before || !work || !number) return std::nullopt;
  return text;
}

}  // namespace

std::string arithmetic_in(std::string_view text) {
  const std::vector<Token> tokens = simplified(tokens_of(text.substr(0, 2000)));
  std::string best;
  for (std::size_t i = 0; i < tokens.size();) {
    std::vector<Token> run;
    while (i < tokens.size() && part_of_expression(tokens[i])) run.push_back(tokens[i++]);
    if (run.empty()) {
      ++i;
      continue;
    }
    // "3 - 4 -": what is left over at the end belongs to the sentence.
    while (!run.empty() && run.back().kind == Kind::op && !run.back().text.empty()) run.pop_back();
    auto found = expression(run);
    if (found && found->size() > best.size()) best = std::move(*found);
  }
  return best;
}

}  // namespace librebird::brain::demo
