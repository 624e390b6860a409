#pragma once

// What every ChatProvider must do. A provider's test makes a harness and instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, ProviderConformance, testing::Values(&make_my_harness));
//
// Include this header in exactly one source of a test executable.

#include <librebird/base/async/scope.hpp>
#include <librebird/base/utf8.hpp>
#include <librebird/brain/testkit/fakes.hpp>

#include <gtest/gtest.h>

#include <memory>

namespace librebird::brain::testkit {

// A provider and the state of the world behind it.
class ProviderHarness {
 public:
  virtual ~ProviderHarness() = default;
  virtual ChatProvider& provider() = 0;
  [[nodiscard]] virtual ModelInfo model() const = 0;
  // Sees to it that the next answer is text, and returns the request for it.
  virtual CompletionRequest expect_text() = 0;
  // ... that the next answer calls `get_datetime`, which is offered.
  virtual CompletionRequest expect_call() = 0;
};

using HarnessFactory = std::unique_ptr<ProviderHarness> (*)();

class ProviderConformance : public testing::TestWithParam<HarnessFactory> {
 protected:
  ProviderConformance() : harness(GetParam()()) {}
  std::unique_ptr<ProviderHarness> harness;

 public:
  Task<void> text_is_streamed(Loop&) {
    std::string streamed;
    int pieces = 0;
    const TextSink sink = [&](std::string_view text) {
      EXPECT_FALSE(text.empty());
      EXPECT_TRUE(is_utf8(text));
      streamed += text;
      ++pieces;
    };
    const auto answer = co_await harness->provider().complete(harness->expect_text(), sink, {});
    if (!answer) {
      ADD_FAILURE() << answer.error().message;
      co_return;
    }
    EXPECT_EQ(streamed, answer->text);
    EXPECT_GT(pieces, 1);
    EXPECT_TRUE(answer->tool_calls.empty());
    EXPECT_EQ(answer->finish_reason, FinishReason::stop);
    EXPECT_EQ(answer->model, harness->model());
    EXPECT_GE(answer->usage.prompt_tokens, 0);
    EXPECT_GE(answer->usage.completion_tokens, 0);
    EXPECT_EQ(harness->provider().demo(), harness->model().demo);
  }

  Task<void> tools_are_called(Loop&) {
    const TextSink sink = [](std::string_view) {};
    const auto answer = co_await harness->provider().complete(harness->expect_call(), sink, {});
    if (!answer) {
      ADD_FAILURE() << answer.error().message;
      co_return;
    }
    EXPECT_EQ(answer->tool_calls.size(), 1U);
    EXPECT_EQ(answer->tool_calls.at(0).name, "get_datetime");
    EXPECT_EQ(answer->tool_calls.at(0).arguments_json, "{}");
    EXPECT_EQ(answer->finish_reason, FinishReason::tool_calls);
  }

  Task<void> stopped_before(Loop&) {
    std::stop_source stop;
    stop.request_stop();
    const TextSink sink = [](std::string_view) {};
    const auto answer = co_await harness->provider().complete(harness->expect_text(), sink, stop.get_token());
    EXPECT_FALSE(answer.ok());
    if (!answer) EXPECT_EQ(answer.error().code, Code::cancelled);
  }

  Task<void> stopped_between_pieces(Loop&) {
    std::stop_source stop;
    int pieces = 0;
    const TextSink sink = [&](std::string_view) {
      ++pieces;
      stop.request_stop();
    };
    const auto answer = co_await harness->provider().complete(harness->expect_text(), sink, stop.get_token());
    EXPECT_FALSE(answer.ok());
    if (!answer) EXPECT_EQ(answer.error().code, Code::cancelled);
    EXPECT_GE(pieces, 1);
  }

  Task<void> one_of_many(CompletionRequest request, int& good) {
    std::string streamed;
    const TextSink sink = [&streamed](std::string_view text) { streamed += text; };
    const auto answer = co_await harness->provider().complete(std::move(request), sink, {});
    if (answer && answer->text == streamed && !streamed.empty()) ++good;
  }

  Task<void> many_at_once(Loop& loop) {
    int good = 0;
    Scope scope(loop.executor());
    for (int i = 0; i < 8; ++i) scope.spawn(one_of_many(harness->expect_text(), good));
    co_await scope.join();
    EXPECT_EQ(good, 8);
  }
};

TEST_P(ProviderConformance, StreamsTextThatIsTheAnswer) {
  run([this](Loop& loop) { return text_is_streamed(loop); });
}
TEST_P(ProviderConformance, CallsTools) {
  run([this](Loop& loop) { return tools_are_called(loop); });
}
TEST_P(ProviderConformance, StopsBeforeItBegins) {
  run([this](Loop& loop) { return stopped_before(loop); });
}
TEST_P(ProviderConformance, StopsBetweenPieces) {
  run([this](Loop& loop) { return stopped_between_pieces(loop); });
}
TEST_P(ProviderConformance, ServesManyAtOnce) {
  run([this](Loop& loop) { return many_at_once(loop); });
}

}  // namespace librebird::brain::testkit
