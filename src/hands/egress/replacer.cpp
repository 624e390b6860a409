#include "replacer.hpp"

#include <algorithm>
#include <utility>

namespace librebird::egress {

Replacer::Replacer(std::vector<Replacement> replacements) : replacements_(std::move(replacements)) {
  std::erase_if(replacements_, [](const Replacement& each) { return each.find.empty(); });
  std::ranges::sort(replacements_, [](const auto& a, const auto& b) { return a.find.size() > b.find.size(); });
  if (!replacements_.empty()) longest_ = replacements_.front().find.size();
}

// Where the earliest end piece begins that one of the texts begins with.
std::size_t Replacer::held_from(std::string_view text) const {
  std::size_t from = text.size();
  for (const Replacement& each : replacements_) {
    const std::size_t tail = std::min(each.find.size() - 1, text.size());
    for (std::size_t at = text.size() - tail; at < from; ++at) {
      at = text.find(each.find.front(), at);
      if (at == std::string_view::npos) break;
      if (at < from && each.find.starts_with(text.substr(at))) from = at;
    }
  }
  return from;
}

std::string Replacer::feed(std::string_view piece) {
  if (replacements_.empty()) return std::string(piece);
  pending_ += piece;
  std::string out;
  const std::string_view text = pending_;
  std::size_t done = 0;
  std::vector<std::size_t> next(replacements_.size(), 0);
  for (std::size_t i = 0; i < next.size(); ++i) next[i] = text.find(replacements_[i].find);
  for (;;) {
    std::size_t best = std::string_view::npos;
    std::size_t which = 0;
    for (std::size_t i = 0; i < next.size(); ++i) {
      if (next[i] != std::string_view::npos && next[i] < done) next[i] = text.find(replacements_[i].find, done);
      if (next[i] < best) {
        best = next[i];
        which = i;
      }
    }
    if (best == std::string_view::npos) break;
    // A longer text that begins earlier or here may still be coming.
    if (best >= done + held_from(text.substr(done))) break;
    out += text.substr(done, best - done);
    out += replacements_[which].put;
    done = best + replacements_[which].find.size();
    ++made_;
  }
  const std::size_t held = done + held_from(text.substr(done));
  out += text.substr(done, held - done);
  pending_.erase(0, held);
  return out;
}

std::string Replacer::finish() {
  // What may have become longer did not: what is whole in it counts now.
  std::string rest = std::exchange(pending_, {});
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < rest.size(); ++at) {
    const auto found = std::ranges::find_if(replacements_, [&](const Replacement& each) {
      return std::string_view(rest).substr(at).starts_with(each.find);
    });
    if (found == replacements_.end()) continue;
    out += rest.substr(done, at - done) + found->put;
    done = at + found->find.size();
    at = done - 1;
    ++made_;
  }
  return out + rest.substr(done);
}

std::string Replacer::all(std::string_view text) {
  std::string out = feed(text);
  return out + finish();
}

}  // namespace librebird::egress
