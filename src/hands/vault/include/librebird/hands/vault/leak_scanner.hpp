#pragma once

// Finds what looks like a key or a token of the well-known kinds (cloud keys, code hosts, model vendors, payment,
// private key blocks, JSON web tokens, passwords in URLs), by shape alone: no entropy guesses. Linear time; a stream
// finds them across the borders of its pieces, holding back at most a few KiB.
// Thread rule: scan() is pure; a Stream belongs to one thread.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::vault {

struct Leak {
  std::string_view kind;   // "aws_access_key_id", "private_key", ...; lives for ever
  std::size_t offset = 0;  // in all the text so far
  std::size_t length = 0;
};

struct LeakScan {
  std::vector<Leak> leaks;  // at most kMaxReportedLeaks of them; all are masked
  std::string masked;       // the text, each leak replaced by "[KIND removed]"
};

inline constexpr std::size_t kMaxReportedLeaks = 100;

class LeakScanner {
 public:
  [[nodiscard]] static LeakScan scan(std::string_view text);
  // Valid JSON stays valid: every string is scanned on its own. What is not JSON is scanned as text.
  // Offsets are those within the string.
  [[nodiscard]] static LeakScan scan_json(std::string_view json);

  class Stream {
   public:
    Stream();
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    [[nodiscard]] std::string feed(std::string_view piece);  // masked text that can be said now
    [[nodiscard]] std::string finish();                      // the rest
    [[nodiscard]] const std::vector<Leak>& leaks() const;    // so far

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };
};

}  // namespace librebird::vault
