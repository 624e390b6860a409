#pragma once

// How far a long command has come, on one line of standard error; silent where that is no terminal. Private.

#include <cstdint>
#include <string>
#include <string_view>

namespace librebird::cli {

class ProgressBar {
 public:
  explicit ProgressBar(bool wanted);
  void show(std::string_view what, std::int64_t done, std::int64_t total);
  // Gives the line back.
  void clear();

 private:
  bool wanted_;
  std::string shown_;
};

}  // namespace librebird::cli
