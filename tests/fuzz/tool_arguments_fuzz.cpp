// The check of a tool's arguments on any bytes: what passes must be a JSON object that passes again.
#include <librebird/hands/arguments/arguments.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using librebird::hands::ArgumentChecker;
  static const ArgumentChecker checker = ArgumentChecker::create(R"({"type":"object","properties":{
    "text":{"type":"string"},"count":{"type":"integer"},"ratio":{"type":"number"},"loud":{"type":"boolean"},
    "mode":{"type":"string","enum":["a","b"]},"items":{"type":"array","items":{"type":"integer"}}},"required":["text"]})")
                                             .value();
  const auto first = checker.check(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) {
    if (first.error().message.empty()) std::abort();
    return 0;
  }
  // Written out again it may be longer than the limit, and a number may differ in its last digit; it still fits.
  if (!checker.check(*first).ok() && first->size() <= librebird::hands::kMaxArgumentBytes) std::abort();
  return 0;
}
