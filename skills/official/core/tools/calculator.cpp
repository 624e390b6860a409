// A calculator: its own parser (precedence climbing over the characters), no evaluation of code, bounded in length,
// depth and size. The language is the arithmetic of Python: + - * / // % **, functions, pi and e.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace librebird::skills {
namespace {

constexpr std::size_t kMaxLength = 4096;
constexpr int kMaxDepth = 100;
constexpr std::size_t kMaxArguments = 256;

// Whole numbers stay exact while they fit; beyond, they go on as floating point.
using Number = std::variant<std::int64_t, double>;

double real(const Number& number) {
  return std::visit([](auto value) { return static_cast<double>(value); }, number);
}

const std::int64_t* whole(const Number& number) { return std::get_if<std::int64_t>(&number); }

Error wrong(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

Result<Number> checked(double value) {
  if (std::isnan(value)) return wrong("The result is not a real number.");
  if (std::isinf(value)) return wrong("The result is too large.");
  return Number(value);
}

bool fits(double value) { return value >= -9.2e18 && value <= 9.2e18; }

Result<Number> add(const Number& a, const Number& b) {
  std::int64_t sum = 0;
  if (whole(a) && whole(b) && !__builtin_add_overflow(*whole(a), *whole(b), &sum)) return Number(sum);
  return checked(real(a) + real(b));
}

Result<Number> subtract(const Number& a, const Number& b) {
  std::int64_t difference = 0;
  if (whole(a) && whole(b) && !__builtin_sub_overflow(*whole(a), *whole(b), &difference)) return Number(difference);
  return checked(real(a) - real(b));
}

Result<Number> multiply(const Number& a, const Number& b) {
  std::int64_t product = 0;
  if (whole(a) && whole(b) && !__builtin_mul_overflow(*whole(a), *whole(b), &product)) return Number(product);
  return checked(real(a) * real(b));
}

Result<Number> divide(const Number& a, const Number& b) {
  if (real(b) == 0) return wrong("Division by zero.");
  // -1 is left to floating point: the smallest whole number divided by it does not fit.
  if (whole(a) && whole(b) && *whole(b) != -1 && *whole(a) % *whole(b) == 0) return Number(*whole(a) / *whole(b));
  return checked(real(a) / real(b));
}

Result<Number> floor_divide(const Number& a, const Number& b) {
  if (real(b) == 0) return wrong("Division by zero.");
  if (whole(a) && whole(b) && *whole(b) != -1) {
    const std::int64_t quotient = *whole(a) / *whole(b);
    const bool down = *whole(a) % *whole(b) != 0 && (*whole(a) < 0) != (*whole(b) < 0);
    return Number(quotient - (down ? 1 : 0));
  }
  return checked(std::floor(real(a) / real(b)));
}

// The sign of the result is the divisor's.
Result<Number> modulo(const Number& a, const Number& b) {
  if (real(b) == 0) return wrong("Modulo by zero.");
  if (whole(a) && whole(b)) {
    if (*whole(b) == -1) return Number(std::int64_t{0});
    const std::int64_t rest = *whole(a) % *whole(b);
    return Number(rest != 0 && (rest < 0) != (*whole(b) < 0) ? rest + *whole(b) : rest);
  }
  const double rest = std::fmod(real(a), real(b));
  return checked(rest != 0 && (rest < 0) != (real(b) < 0) ? rest + real(b) : rest);
}

Result<Number> power(const Number& base, const Number& exponent) {
  if (whole(base) && whole(exponent) && *whole(exponent) >= 0) {
    std::int64_t result = 1;
    std::int64_t square = *whole(base);
    bool exact = true;
    for (std::int64_t left = *whole(exponent); left > 0 && exact; left >>= 1) {
      if ((left & 1) != 0 && __builtin_mul_overflow(result, square, &result)) exact = false;
      if (left > 1 && __builtin_mul_overflow(square, square, &square)) exact = false;
    }
    if (exact) return Number(result);
  }
  if (real(base) == 0 && real(exponent) < 0) return wrong("Zero cannot be raised to a negative power.");
  return checked(std::pow(real(base), real(exponent)));
}

Result<Number> to_whole(double value) {
  if (fits(value)) return Number(static_cast<std::int64_t>(value));
  return checked(value);
}

// Half to even, as Python rounds.
Result<Number> round_number(const std::vector<Number>& values) {
  if (values.size() == 1)
    return whole(values[0]) ? Result<Number>(values[0]) : to_whole(std::nearbyint(real(values[0])));
  const std::int64_t* digits = whole(values[1]);
  if (digits == nullptr || *digits < -300 || *digits > 300) {
    return wrong("The second argument of round must be a whole number from -300 to 300.");
  }
  if (whole(values[0]) && *digits >= 0) return values[0];
  if (*digits >= 0) {
    std::array<char, 700> text{};
    std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(*digits), real(values[0]));
    return checked(std::strtod(text.data(), nullptr));
  }
  const double scale = std::pow(10.0, static_cast<double>(-*digits));
  return to_whole(std::nearbyint(real(values[0]) / scale) * scale);
}

Result<Number> logarithm(const std::vector<Number>& values) {
  for (const Number& value : values) {
    if (real(value) <= 0) return wrong("A logarithm needs numbers above zero.");
  }
  if (values.size() == 1) return checked(std::log(real(values[0])));
  if (real(values[1]) == 1) return wrong("A logarithm to the base 1 does not exist.");
  return checked(std::log(real(values[0])) / std::log(real(values[1])));
}

Result<Number> extreme(const std::vector<Number>& values, bool largest) {
  Number best = values[0];
  for (const Number& value : values) {
    if (largest ? real(value) > real(best) : real(value) < real(best)) best = value;
  }
  return best;
}

using Values = std::vector<Number>;

template <double (*function)(double)>
Result<Number> plain(const Values& values) {
  return checked(function(real(values[0])));
}

Result<Number> square_root(const Values& values) {
  if (real(values[0]) < 0) return wrong("The square root of a negative number is not real.");
  return checked(std::sqrt(real(values[0])));
}

template <double (*function)(double)>
Result<Number> positive(const Values& values) {
  if (real(values[0]) <= 0) return wrong("A logarithm needs numbers above zero.");
  return checked(function(real(values[0])));
}

template <double (*function)(double)>
Result<Number> rounded(const Values& values) {
  return whole(values[0]) ? Result<Number>(values[0]) : to_whole(function(real(values[0])));
}

Result<Number> absolute(const Values& values) {
  if (whole(values[0]) && *whole(values[0]) != std::numeric_limits<std::int64_t>::min()) {
    return Number(std::abs(*whole(values[0])));
  }
  return checked(std::abs(real(values[0])));
}

struct Function {
  std::string_view name;
  std::size_t least;
  std::size_t most;
  Result<Number> (*run)(const Values&);
};

constexpr std::array kFunctions = {
    Function{"abs", 1, 1, absolute},
    Function{"round", 1, 2, round_number},
    Function{"min", 1, kMaxArguments, [](const Values& values) { return extreme(values, false); }},
    Function{"max", 1, kMaxArguments, [](const Values& values) { return extreme(values, true); }},
    Function{"sqrt", 1, 1, square_root},
    Function{"sin", 1, 1, plain<std::sin>},
    Function{"cos", 1, 1, plain<std::cos>},
    Function{"tan", 1, 1, plain<std::tan>},
    Function{"log", 1, 2, logarithm},
    Function{"log10", 1, 1, positive<std::log10>},
    Function{"log2", 1, 1, positive<std::log2>},
    Function{"ceil", 1, 1, rounded<std::ceil>},
    Function{"floor", 1, 1, rounded<std::floor>},
    Function{"pow", 2, 2, [](const Values& values) { return power(values[0], values[1]); }},
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Number> parse() {
    skip_space();
    if (at_end()) return wrong("The expression is empty.");
    LB_TRY(value, sum());
    if (!at_end()) return unexpected();
    return value;
  }

 private:
  // One level of nesting; refuses to go too deep.
  struct Nest {
    explicit Nest(int& depth) : depth_(depth) { ++depth_; }
    ~Nest() { --depth_; }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    int& depth_;
  };

  Result<Number> sum() {
    const Nest nest(depth_);
    if (depth_ > kMaxDepth) return wrong("The expression is nested too deeply.");
    LB_TRY(left, product());
    for (;;) {
      if (take("+") || take("＋")) {
        LB_TRY(right, product());
        LB_TRY(value, add(left, right));
        left = value;
      } else if (take("-") || take("−") || take("–")) {
        LB_TRY(right, product());
        LB_TRY(value, subtract(left, right));
        left = value;
      } else {
        return left;
      }
    }
  }

  Result<Number> product() {
    LB_TRY(left, sign());
    for (;;) {
      Result<Number> (*operation)(const Number&, const Number&) = nullptr;
      if (take("//")) {
        operation = floor_divide;
      } else if (take("/") || take("÷")) {
        operation = divide;
      } else if (take("*") || take("×") || take("·")) {
        operation = multiply;
      } else if (take("%")) {
        operation = modulo;
      } else {
        return left;
      }
      LB_TRY(right, sign());
      LB_TRY(value, operation(left, right));
      left = value;
    }
  }

  // A sign binds weaker than a power: -2**2 is -4.
  Result<Number> sign() {
    const Nest nest(depth_);
    if (depth_ > kMaxDepth) return wrong("The expression is nested too deeply.");
    if (take("-") || take("−") || take("–")) {
      LB_TRY(value, sign());
      return subtract(Number(std::int64_t{0}), value);
    }
    if (take("+")) return sign();
    LB_TRY(base, atom());
    if (!take("**")) return base;
    LB_TRY(exponent, sign());  // from the right: 2**3**2 is 2**9
    return power(base, exponent);
  }

  Result<Number> atom() {
    if (at_end()) return wrong("The expression ends too early.");
    const char c = text_[at_];
    if (take("(")) {
      LB_TRY(value, sum());
      if (!take(")")) return wrong("A closing parenthesis is missing.");
      return value;
    }
    if (is_digit(c) || c == '.') return number();
    if (is_letter(c)) return name();
    return unexpected();
  }

  Result<Number> number() {
    std::string digits;
    bool fraction = false;
    const std::size_t start = at_;
    for (; !raw_end(); ++at_) {
      const char c = text_[at_];
      if (c == '_' && at_ > start && is_digit(text_[at_ - 1]) && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))
        continue;
      if (c == '.' && !fraction) {
        fraction = true;
      } else if ((c == 'e' || c == 'E') && exponent_follows()) {
        fraction = true;
        digits += c;
        ++at_;
        if (text_[at_] == '+' || text_[at_] == '-') digits += text_[at_++];
        while (!raw_end() && is_digit(text_[at_])) digits += text_[at_++];
        break;
      } else if (!is_digit(c)) {
        break;
      }
      digits += c;
    }
    if (digits == ".") return unexpected();
    if (!raw_end() && (is_letter(text_[at_]) || text_[at_] == '.')) return unexpected();
    skip_space();
    if (!fraction) {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error == std::errc{}) return Number(value);
    }
    return checked(std::strtod(digits.c_str(), nullptr));
  }

  [[nodiscard]] bool exponent_follows() const {
    std::size_t next = at_ + 1;
    if (next < text_.size() && (text_[next] == '+' || text_[next] == '-')) ++next;
    return next < text_.size() && is_digit(text_[next]);
  }

  Result<Number> name() {
    const std::size_t start = at_;
    while (!raw_end() && (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '_')) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    skip_space();
    if (word == "pi") return Number(std::numbers::pi);
    if (word == "e") return Number(std::numbers::e);
    for (const Function& function : kFunctions) {
      if (function.name == word) return call(function);
    }
    return wrong(
        "\"" + std::string(word.substr(0, 40)) +
        "\" is not known. Known are: abs, round, min, max, sqrt, sin, cos, tan, log, log10, log2, ceil, floor, "
        "pow, pi, e.");
  }

  Result<Number> call(const Function& function) {
    const std::string name(function.name);
    if (!take("(")) return wrong("The function " + name + " needs parentheses: " + name + "(...).");
    Values values;
    if (!take(")")) {
      do {
        if (values.size() == kMaxArguments) return wrong("Too many arguments for " + name + ".");
        LB_TRY(value, sum());
        values.push_back(value);
      } while (take(","));
      if (!take(")")) return wrong("A closing parenthesis is missing after the arguments of " + name + ".");
    }
    if (values.size() < function.least || values.size() > function.most) {
      return wrong("The function " + name + " takes " + std::to_string(function.least) +
                   (function.most > function.least ? " or more" : "") + " argument(s), not " +
                   std::to_string(values.size()) + ".");
    }
    return function.run(values);
  }

  Error unexpected() {
    if (at_end()) return wrong("The expression ends too early.");
    if (text_[at_] == '^') return wrong("\"^\" is not supported: write ** for a power.");
    if (text_[at_] == ',') return wrong("Write numbers without thousands separators: 1000, not 1,000.");
    // The whole character, not its first byte.
    std::size_t end = at_ + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
    return wrong("Unexpected \"" + std::string(text_.substr(at_, end - at_)) + "\" at position " +
                 std::to_string(count_characters(text_.substr(0, at_)) + 1) + ".");
  }

  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    // "*" must not take half of "**", nor "/" half of "//" (which is asked for first).
    if (token == "*" && text_.substr(at_).starts_with("**")) return false;
    at_ += token.size();
    skip_space();
    return true;
  }

  void skip_space() {
    for (;;) {
      const std::string_view rest = text_.substr(at_);
      if (rest.empty()) return;
      if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r') {
        ++at_;
      } else if (rest.starts_with("\u00a0")) {
        at_ += 2;
      } else {
        return;
      }
    }
  }

  [[nodiscard]] bool raw_end() const { return at_ >= text_.size(); }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// Fifteen digits are what a double holds for sure: 0.1 + 0.2 is 0.3.
boost::json::value presentable(const Number& number) {
  if (const std::int64_t* value = whole(number)) return *value;
  if (std::abs(real(number)) >= 1e15) return real(number);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.15g", real(number));
  const double value = std::strtod(text.data(), nullptr);
  if (value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

Result<boost::json::object> calculator(const boost::json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(expression, text_argument(arguments, "expression"));
  boost::json::object result;
  if (expression.size() > kMaxLength) {
    result["expression"] = expression.substr(0, 40) + "...";
    result["error"] = "The expression is longer than 4096 characters.";
    return result;
  }
  result["expression"] = expression;
  Result<Number> value = Parser(expression).parse();
  if (value) {
    result["result"] = presentable(*value);
  } else {
    result["error"] = value.error().message;
  }
  return result;
}

}  // namespace librebird::skills
