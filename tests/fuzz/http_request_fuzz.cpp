// fuzz-links: librebird_net
// Raw bytes through the request parser: it accepts the same requests however they are cut, and they are safe.
#include "request_parser.hpp"

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>

using namespace librebird::net;

namespace {

struct Outcome {
  std::vector<Request> requests;
  int refused = 0;
};

const std::function<bool(const Request&)> kAll = [](const Request&) { return true; };

// `streamed`: bodies are taken away as they come.
Outcome feed(std::string_view text, std::size_t piece, bool streamed = false) {
  Outcome out;
  const ParserLimits limits{.head = 512, .body = 128, .streams = streamed ? &kAll : nullptr};
  Request head;
  bool has_head = false;
  auto parser = std::make_unique<RequestParser>(limits);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    std::string_view bytes = text.substr(at, piece);
    while (!bytes.empty()) {
      bytes.remove_prefix(parser->feed(bytes));
      const bool begun = parser->state() == RequestParser::State::body || parser->state() == RequestParser::State::done;
      if (streamed && begun) {
        if (!std::exchange(has_head, true)) {
          head = std::move(parser->request());
          parser->request() = {};
        } else {
          head.body += std::exchange(parser->request().body, {});
        }
      }
      if (parser->state() == RequestParser::State::refused) {
        out.refused = parser->refusal().status;
        return out;
      }
      if (parser->state() != RequestParser::State::done) continue;
      out.requests.push_back(streamed ? std::exchange(head, {}) : std::move(parser->request()));
      has_head = false;
      parser = std::make_unique<RequestParser>(limits);
    }
  }
  return out;
}

void check(bool fine) {
  if (!fine) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const Outcome whole = feed(text, std::max<std::size_t>(text.size(), 1));
  const Outcome cut = feed(text, 1 + data[0] % 23);
  // An unclosed quote in a chunk extension may be refused now or a little later, but is never accepted: only what was
  // accepted has to agree.
  check(whole.requests.size() == cut.requests.size());
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    const Request& request = whole.requests[i];
    check(request.path == cut.requests[i].path && request.body == cut.requests[i].body);
    check(request.path.starts_with('/') && request.path.find('\0') == std::string::npos);
    check((request.path + "/").find("/../") == std::string::npos && request.path.find("//") == std::string::npos);
    check(request.body.size() <= 128);
    (void)request.query_value("a");
    (void)request.cookie("a");
  }
  // Streamed, the same requests come, and those behind a body that was too large for the others.
  const Outcome streamed = feed(text, 1 + data[0] % 23, true);
  check(streamed.requests.size() >= whole.requests.size());
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    check(streamed.requests[i].path == whole.requests[i].path && streamed.requests[i].body == whole.requests[i].body);
  }
  return 0;
}
