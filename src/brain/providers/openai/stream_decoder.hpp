#pragma once

// Reads the answer to a streamed chat completion: Server-Sent Events, or one JSON object from servers that do not
// stream. Facts (protocol notes on Chat Completions, openai-node 7.57.0): tool call deltas are keyed by `index`, with
// id and name in the first and fragments of the arguments in all; usage comes in a last chunk whose `choices` is
// empty; an `error` object may come at any time; `data: [DONE]` ends the stream, though some servers leave it out.
//
// Loop only; no I/O. Feed it pieces of any size, then call finish(). Errors are those of ChatProvider.

#include <librebird/core/ports/chat_provider.hpp>
#include <librebird/net/sse.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace librebird::brain::openai {

struct DecoderLimits {
  std::size_t text = 4 * 1024 * 1024;       // bytes of an answer
  std::size_t arguments = 2 * 1024 * 1024;  // bytes of the arguments of all its calls
  std::size_t calls = 128;
  std::size_t event = 4 * 1024 * 1024;      // bytes of one event, or of a JSON answer
};

class StreamDecoder {
 public:
  // `key` is kept out of error messages. `on_text` may be empty.
  StreamDecoder(TextSink on_text, std::string_view key, DecoderLimits limits = {});
  ~StreamDecoder();
  StreamDecoder(const StreamDecoder&) = delete;
  StreamDecoder& operator=(const StreamDecoder&) = delete;

  Status feed(std::string_view bytes);
  // Nothing more of interest will come.
  [[nodiscard]] bool done() const;
  // The answer is complete enough to stand even if the connection breaks now.
  [[nodiscard]] bool complete() const;
  // At the end of the body. unavailable: it broke off before the answer was complete.
  Result<ModelAnswer> finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::brain::openai
