#include <librebird/gateway/metering.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace librebird::gateway {
namespace {

constexpr double kMostPrice = 1'000'000;

std::optional<double> price(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0 && value <= kMostPrice)) return std::nullopt;
  return value;
}

}  // namespace

Result<Prices> Prices::parse(const std::vector<std::string>& lines) {
  Prices prices;
  for (const std::string& line : lines) {
    const std::size_t equals = line.rfind('=');
    const std::size_t slash = line.rfind('/');
    if (equals != std::string::npos && equals > 0 && slash != std::string::npos && slash > equals) {
      const std::string_view rest = line;
      const auto read = price(rest.substr(equals + 1, slash - equals - 1));
      const auto written = price(rest.substr(slash + 1));
      if (read && written) {
        prices.by_model_[line.substr(0, equals)] = {*read, *written};
        continue;
      }
    }
    return {Code::invalid_argument,
            fmt::format("limits.prices: \"{}\" is no price: write \"provider/model=2.50/10\", what a million tokens "
                        "read and a million written cost.",
                        line)};
  }
  return prices;
}

std::int64_t Prices::cost(const std::optional<ModelInfo>& model, const TokenUsage& usage) const {
  auto found = model ? by_model_.find(model->provider + "/" + model->name) : by_model_.end();
  if (found == by_model_.end()) found = by_model_.find("*");
  if (found == by_model_.end()) return 0;
  // So much for a million tokens is as many millionths for one.
  const auto& [read, written] = found->second;
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(usage.prompt_tokens) * read +
                                             static_cast<double>(usage.completion_tokens) * written));
}

TokenUsage usage_or_estimate(const TokenUsage& said, std::size_t bytes_read, std::size_t bytes_written) {
  constexpr std::size_t kBytesOfToken = 4;
  if (said.prompt_tokens > 0 || said.completion_tokens > 0) {
    return {std::max<std::int64_t>(said.prompt_tokens, 0), std::max<std::int64_t>(said.completion_tokens, 0)};
  }
  const auto tokens = [](std::size_t bytes) {
    return static_cast<std::int64_t>((bytes + kBytesOfToken - 1) / kBytesOfToken);
  };
  return {tokens(bytes_read), tokens(bytes_written)};
}

void Meter::begin(const std::vector<ChatMessage>& history, const std::vector<TurnStep>& journal) {
  *this = {};
  for (const ChatMessage& message : history) read_ += message.content.size();
  for (const TurnStep& step : journal) {
    if (const auto* answer = std::get_if<ModelAnswer>(&step.what)) on_answer(*answer);
  }
}

void Meter::on_answer(const ModelAnswer& answer) {
  answers_.emplace_back(answer.model, usage_or_estimate(answer.usage, read_, answer.text.size()));
  written_ = 0;
}

Spent Meter::total(const ModelAnswer* last, const Prices& prices) const {
  Spent spent;
  const auto add = [&](const std::optional<ModelInfo>& model, const TokenUsage& usage) {
    spent.tokens += usage.prompt_tokens + usage.completion_tokens;
    spent.cost += prices.cost(model, usage);
  };
  for (const auto& [model, usage] : answers_) add(model, usage);
  if (last != nullptr) {
    add(last->model, usage_or_estimate(last->usage, read_, last->text.size()));
  } else if (written_ > 0) {
    add(answers_.empty() ? std::nullopt : std::optional<ModelInfo>(answers_.back().first),
        usage_or_estimate({}, read_, written_));
  }
  return spent;
}

}  // namespace librebird::gateway
