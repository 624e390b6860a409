#include <librebird/gateway/metering.hpp>

#include <gtest/gtest.h>

namespace librebird::gateway {
namespace {

TEST(Prices, AMillionTokensCostWhatIsWritten) {
  const auto prices = Prices::parse({"openai/small=0.15/0.60", "*=1/2"});
  ASSERT_TRUE(prices.ok()) << prices.error().message;
  const TokenUsage million{1'000'000, 1'000'000};
  EXPECT_EQ(prices->cost(ModelInfo{"openai", "small"}, million), 750'000);
  EXPECT_EQ(prices->cost(ModelInfo{"other", "small"}, million), 3'000'000);
  EXPECT_EQ(prices->cost(std::nullopt, {1, 0}), 1);
  EXPECT_EQ(prices->cost(ModelInfo{"openai", "small"}, {1, 0}), 1) << "nothing that was used is free";
  EXPECT_EQ(Prices().cost(ModelInfo{"openai", "small"}, million), 0);
}

TEST(Prices, WhatIsNoneIsRefused) {
  for (const char* line : {"", "=1/2", "a/b", "a/b=1", "a/b=1/", "a/b=/1", "a/b=-1/1", "a/b=1/nan", "a/b=inf/1",
                           "a/b=1/2x", "a/b=1e9/1"}) {
    const auto prices = Prices::parse({line});
    ASSERT_FALSE(prices.ok()) << line;
    EXPECT_EQ(prices.error().code, Code::invalid_argument);
  }
}

TEST(Prices, WhatIsNotSaidIsEstimated) {
  EXPECT_EQ(usage_or_estimate({7, 3}, 4000, 4000), (TokenUsage{7, 3}));
  EXPECT_EQ(usage_or_estimate({}, 4001, 8), (TokenUsage{1001, 2}));
  EXPECT_EQ(usage_or_estimate({-5, 3}, 0, 0), (TokenUsage{0, 3})) << "a provider cannot give anything back";
}

TEST(Meter, AddsUpAllAnswersOnce) {
  const auto prices = *Prices::parse({"*=1/2"});
  ModelAnswer step;
  step.usage = {10, 1};
  ModelAnswer last;
  last.usage = {20, 2};
  Meter meter;
  meter.begin({{ChatRole::user, "12345678", {}, ""}}, {{0, step}, {1, ToolResult{}}});
  meter.on_text(100);
  meter.on_answer(step);
  EXPECT_EQ(meter.total(&last, prices), (Spent{44, 10 + 2 + 10 + 2 + 20 + 4}));
  meter.begin({}, {{0, step}});
  EXPECT_EQ(meter.total(&last, prices).tokens, 33) << "another attempt begins with the journal";
}

TEST(Meter, StoppingHalfWayIsNotFree) {
  Meter meter;
  meter.begin({{ChatRole::user, "12345678", {}, ""}}, {});
  EXPECT_EQ(meter.total(nullptr, {}).tokens, 0) << "nothing was said yet";
  meter.on_text(40);
  EXPECT_EQ(meter.total(nullptr, {}).tokens, 2 + 10);
}

}  // namespace
}  // namespace librebird::gateway
