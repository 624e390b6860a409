// fuzz-links: librebird_net
// Raw bytes through the request parser: it accepts the same requests however they are cut, and they are safe.
#include "request_parser.hpp"

#include <cstdint>
#include <cstdlib>

using namespace librebird::net;

namespace {

struct Outcome {
  std::vector<Request> requests;
  int refused = 0;
};

Outcome feed(std::string_view text, std::size_t piece) {
  Outcome out;
  const ParserLimits limits{.head = 512, .body = 128};
  auto parser = std::make_unique<RequestParser>(limits);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    std::string_view bytes = text.substr(at, piece);
    while (!bytes.empty()) {
      bytes.remove_prefix(parser->feed(bytes));
      if (parser->state() == RequestParser::State::refused) {
        out.refused = parser->refusal().status;
        return out;
      }
      if (parser->state() != RequestParser::State::done) continue;
      out.requests.push_back(std::move(parser->request()));
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
  return 0;
}
