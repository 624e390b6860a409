#include "stream_frames.hpp"

#include "../../runner/guard.hpp"

#include <algorithm>
#include <charconv>

namespace librebird::docker {
namespace {

constexpr std::size_t kMaxVerdict = 32;

std::string frame(char kind, std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string out{kind};
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((size >> shift) & 0xff);
  out += payload;
  return out;
}

std::uint32_t big_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

Status Demultiplexer::feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::string_view piece = bytes.substr(0, left_);
      bytes.remove_prefix(piece.size());
      left_ -= static_cast<std::uint32_t>(piece.size());
      if (stream_) sink(*stream_, piece);
      continue;
    }
    const std::size_t taken = std::min(head_.size() - filled_, bytes.size());
    std::copy_n(bytes.data(), taken, head_.data() + filled_);
    bytes.remove_prefix(taken);
    filled_ += taken;
    if (filled_ < head_.size()) break;
    filled_ = 0;
    if (head_[0] < 0 || head_[0] > 2 || head_[1] != 0 || head_[2] != 0 || head_[3] != 0) {
      return make_error(Code::data_loss, "The container engine's stream is not multiplexed as its API says.");
    }
    stream_.reset();
    if (head_[0] == 1) stream_ = Stream::output;
    if (head_[0] == 2) stream_ = Stream::error_output;
    left_ = big_endian(head_.data() + 4);
  }
  return Ok{};
}

std::string setup_frame(const GuardSetup& setup) {
  std::string payload;
  const auto add = [&payload](std::string_view text) { payload.append(text).push_back('\0'); };
  add(setup.nonce);
  add(setup.inherit_environment ? "1" : "0");
  add(setup.work_directory);
  add(std::to_string(setup.argv.size()));
  for (const std::string& word : setup.argv) add(word);
  for (const std::string& variable : setup.environment) add(variable);
  return frame(runner::kGuardSetup, payload);
}

std::string input_frames(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, runner::kMaxGuardInput);
    bytes.remove_prefix(piece.size());
    out += frame(runner::kGuardInput, piece);
  }
  return out;
}

std::string end_frame() { return frame(runner::kGuardEnd, {}); }

VerdictFilter::VerdictFilter(const std::string& nonce) : marker_(runner::guard_marker(nonce)) {}

std::string VerdictFilter::feed(std::string_view text) {
  if (found_) {
    // Its few last bytes; nobody is left who could write more.
    held_ += text.substr(0, kMaxVerdict - std::min(kMaxVerdict, held_.size()));
    return {};
  }
  held_ += text;
  if (const std::size_t at = held_.find(marker_); at != std::string::npos) {
    found_ = true;
    std::string own = held_.substr(0, at);
    held_ = held_.substr(at + marker_.size(), kMaxVerdict);
    return own;
  }
  // Only an end that may be the beginning of the marker waits.
  std::size_t keep = std::min(held_.size(), marker_.size() - 1);
  while (keep > 0 && std::string_view(held_).substr(held_.size() - keep) != std::string_view(marker_).substr(0, keep)) {
    --keep;
  }
  std::string own = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return own;
}

std::optional<GuardVerdict> VerdictFilter::verdict() const {
  if (!found_ || held_.size() < 3 || !held_.ends_with('\n')) return std::nullopt;
  GuardVerdict verdict;
  switch (held_[0]) {
    case 'e': verdict.kind = GuardVerdict::Kind::exited; break;
    case 's': verdict.kind = GuardVerdict::Kind::signalled; break;
    case 'm': verdict.kind = GuardVerdict::Kind::out_of_memory; break;
    case 'x': verdict.kind = GuardVerdict::Kind::not_started; break;
    default: return std::nullopt;
  }
  const char* end = held_.data() + held_.size() - 1;
  const auto value = std::from_chars(held_.data() + 1, end, verdict.value);
  if (value.ec != std::errc{} || verdict.value < 0 || value.ptr == end || *value.ptr != ' ') return std::nullopt;
  const auto used = std::from_chars(value.ptr + 1, end, verdict.cpu_milliseconds);
  if (used.ec != std::errc{} || used.ptr != end || verdict.cpu_milliseconds < 0) return std::nullopt;
  return verdict;
}

std::string VerdictFilter::held() { return found_ ? std::string() : std::exchange(held_, {}); }

}  // namespace librebird::docker
