#pragma once

// What models cost, as `limits.prices` says, and what one turn takes of them. Values; no thread rule.

#include <librebird/base/result.hpp>
#include <librebird/core/model/chat.hpp>
#include <librebird/core/model/turn.hpp>
#include <librebird/core/model/usage.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace librebird::gateway {

class Prices {
 public:
  // Each as "provider/model=IN/OUT": the price of a million tokens read and of a million written. "*" stands for every
  // model that is not named. invalid_argument.
  static Result<Prices> parse(const std::vector<std::string>& lines);

  // 0: no price is known.
  [[nodiscard]] std::int64_t cost(const std::optional<ModelInfo>& model, const TokenUsage& usage) const;

 private:
  std::map<std::string, std::pair<double, double>, std::less<>> by_model_;
};

// What one answer took. Where a provider does not say it, and of an answer that was stopped half-way, four bytes of
// what was read and written count as one token: otherwise stopping early would make it free.
[[nodiscard]] TokenUsage usage_or_estimate(const TokenUsage& said, std::size_t bytes_read, std::size_t bytes_written);

// Adds up one turn.
class Meter {
 public:
  // An attempt begins: what it was given, and the answers that stand already.
  void begin(const std::vector<ChatMessage>& history, const std::vector<TurnStep>& journal);
  void on_text(std::size_t bytes) { written_ += bytes; }
  void on_answer(const ModelAnswer& answer);
  // `last`: the answer that ended the turn; null: it was broken off, and what was said until then counts.
  [[nodiscard]] Spent total(const ModelAnswer* last, const Prices& prices) const;

 private:
  std::vector<std::pair<ModelInfo, TokenUsage>> answers_;
  std::size_t read_ = 0;  // bytes of what the model is given
  std::size_t written_ = 0;  // bytes of the answer that is under way
};

}  // namespace librebird::gateway
