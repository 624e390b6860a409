#include "progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace librebird::cli {

ProgressBar::ProgressBar(bool wanted) : wanted_(wanted && ::isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(std::string_view what, std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kWidth = 30;
  if (!wanted_) return;
  const std::int64_t whole = std::max<std::int64_t>(total, 1);
  const auto filled = static_cast<std::size_t>(kWidth * std::min(done, whole) / whole);
  std::string line = fmt::format("[{}{}] {:>3}%  {}", std::string(filled, '#'), std::string(kWidth - filled, '.'),
                                 100 * std::min(done, whole) / whole, what);
  if (line == shown_) return;
  fmt::print(stderr, "\r\033[K{}", line);
  std::fflush(stderr);
  shown_ = std::move(line);
}

void ProgressBar::clear() {
  if (shown_.empty()) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_.clear();
}

}  // namespace librebird::cli
