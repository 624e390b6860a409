#pragma once

// Takes known secret values out of any text: as they are, and as they look in JSON strings, in URLs (percent-encoded),
// in base64 (both alphabets, at any alignment) and in hexadecimal. One automaton (Aho and Corasick, "Efficient string
// matching", 1975) reads each byte once, however many values there are; a stream finds values across the borders of
// its pieces. What it puts out never contains a known value.
// Thread rule: immutable after construction, safe from any thread; a Stream belongs to one.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::vault {

struct KnownValue {
  std::string value;        // at least kMinValueBytes; shorter ones are not looked for
  std::string replacement;  // "[secret:api_key]", a placeholder; changed if it would bring a known value back
};

inline constexpr std::size_t kMinValueBytes = 4;

class Redactor {
 public:
  Redactor();  // knows nothing, changes nothing
  explicit Redactor(const std::vector<KnownValue>& values);
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  [[nodiscard]] bool empty() const;
  // `found`, if given, is set to how many places were replaced.
  [[nodiscard]] std::string redact(std::string_view text, std::size_t* found = nullptr) const;
  // Valid JSON stays valid: strings, keys and numbers are looked at one by one. What is not JSON is redacted as text.
  [[nodiscard]] std::string redact_json(std::string_view json, std::size_t* found = nullptr) const;

  // Text that comes in pieces. Holds back only what may be the beginning of a known value.
  class Stream {
   public:
    explicit Stream(std::shared_ptr<const Redactor> redactor);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    // What can be said now; may be empty.
    [[nodiscard]] std::string feed(std::string_view piece);
    // The rest. Afterwards the stream is as new.
    [[nodiscard]] std::string finish();
    [[nodiscard]] std::size_t found() const;  // places replaced in what was said
    [[nodiscard]] std::size_t seen() const;  // grows at once when a value is complete, said or not

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

 private:
  struct Automaton;
  std::unique_ptr<const Automaton> automaton_;
};

}  // namespace librebird::vault
