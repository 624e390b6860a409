#include <librebird/hands/vault/leak_scanner.hpp>

#include "json_text.hpp"
#include "shapes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace librebird::vault {
namespace {

constexpr std::size_t kLongestToken = 4 * 1024;      // what is held back at most to see whether it is one
constexpr std::size_t kLongestUrlPart = 512;         // user or password in a URL
constexpr std::size_t kLongestKeyBlock = 64 * 1024;  // of a private key without an end
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kLongestLabel = 48;

bool is_alnum(char c) { return is_in(CharClass::alnum, c); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The shapes that begin with a byte.
const std::array<std::vector<const Shape*>, 256>& shapes_by_byte() {
  static const auto table = [] {
    std::array<std::vector<const Shape*>, 256> made;
    for (const Shape& shape : token_shapes()) made[static_cast<unsigned char>(shape.prefix.front())].push_back(&shape);
    return made;
  }();
  return table;
}

enum class Verdict { no, more, yes };

struct Match {
  Verdict verdict = Verdict::no;
  std::string_view kind;
  std::size_t begin = 0;           // of what is masked
  std::size_t end = 0;
  std::optional<CharClass> open;   // goes on as long as these follow
  bool block = false;              // a private key: goes on to its end line
};

// Whether the text at hand is, is not or may yet become `wanted`.
Verdict begins_with(std::string_view text, std::string_view wanted, bool last) {
  const std::size_t common = std::min(text.size(), wanted.size());
  if (text.substr(0, common) != wanted.substr(0, common)) return Verdict::no;
  if (common == wanted.size()) return Verdict::yes;
  return last ? Verdict::no : Verdict::more;
}

}  // namespace

struct LeakScanner::Stream::Impl {
  std::string held;
  std::size_t at = 0;      // within held: everything before is settled context
  std::size_t base = 0;    // offset of held[0]
  std::vector<Leak> leaks;
  // What is being swallowed.
  std::optional<CharClass> swallowing;
  bool in_block = false;
  std::size_t block_length = 0;
  std::size_t leak_begin = 0;
  bool reported = false;
  // A first segment that ended here without a dot, so that it is not walked through again from each of its letters.
  std::size_t dead_end = 0;

  void take(std::string_view piece, bool last, std::string& out) {
    held += piece;
    while (at < held.size() && step(last, out)) {
    }
    if (last) {
      out.append(held, at);
      reset();
      return;
    }
    // A little context stays for what must be looked at before a token.
    constexpr std::size_t kContext = 4;
    if (at > kContext) {
      held.erase(0, at - kContext);
      base += at - kContext;
      at = kContext;
    }
  }

  void reset() {
    held.clear();
    at = base = dead_end = 0;
    swallowing.reset();
    in_block = reported = false;
  }

  // False: more text is needed.
  bool step(bool last, std::string& out) {
    if (swallowing) {
      while (at < held.size() && is_in(*swallowing, held[at])) ++at;
      extend();
      if (at == held.size()) return false;
      swallowing.reset();
      return true;
    }
    if (in_block) return step_block(last);
    const Match match = look(last);
    if (match.verdict == Verdict::more && !last) return false;
    if (match.verdict != Verdict::yes) {
      out += held[at++];
      return true;
    }
    out.append(held, at, match.begin - at);
    out += '[';
    out += match.kind;
    out += " removed]";
    begin_leak(match.kind, match.begin);
    at = match.end;
    swallowing = match.open;
    in_block = match.block;
    block_length = 0;
    extend();
    return true;
  }

  bool step_block(bool last) {
    const std::string_view rest = std::string_view(held).substr(at);
    const std::size_t end = rest.find(kEnd);
    std::size_t take = 0;
    if (end != std::string_view::npos) {
      const std::size_t label = end + kEnd.size();
      const std::size_t dashes = rest.substr(0, label + kLongestLabel + kDashes.size()).find(kDashes, label);
      if (dashes == std::string_view::npos && !last && rest.size() < label + kLongestLabel + kDashes.size()) {
        return false;
      }
      take = dashes == std::string_view::npos ? label : dashes + kDashes.size();
      in_block = false;
    } else if (last) {
      take = rest.size();
    } else {
      take = rest.size() > kEnd.size() ? rest.size() - kEnd.size() : 0;
    }
    at += take;
    block_length += take;
    if (block_length > kLongestKeyBlock) in_block = false;
    extend();
    return !in_block || (take > 0 && at < held.size() && last);
  }

  void begin_leak(std::string_view kind, std::size_t begin) {
    leak_begin = base + begin;
    reported = leaks.size() < kMaxReportedLeaks;
    if (reported) leaks.push_back({kind, leak_begin, 0});
  }
  void extend() {
    if (reported && !leaks.empty()) leaks.back().length = base + at - leak_begin;
  }

  [[nodiscard]] char before(std::size_t back) const { return at >= back ? held[at - back] : ' '; }

  // A word begins here; also behind an escape as in "\nsk-..." or "%3Dsk-...".
  [[nodiscard]] bool at_word() const {
    if (!is_alnum(before(1))) return true;
    if (before(2) == '\\' && std::strchr("nrtbf", before(1)) != nullptr) return true;
    return before(3) == '%' && is_in(CharClass::hex, before(2)) && is_in(CharClass::hex, before(1));
  }

  Match look(bool last) {
    const char c = held[at];
    const std::string_view text = std::string_view(held).substr(at);
    Match undecided;
    const auto settle = [&](const Match& match) {
      if (match.verdict == Verdict::more) undecided = match;
      return match.verdict == Verdict::yes;
    };
    const auto& shapes = shapes_by_byte()[static_cast<unsigned char>(c)];
    if (!shapes.empty()) {
      const bool word = at_word();
      for (const Shape* shape : shapes) {
        const bool fits = shape->digit_before ? before(1) >= '0' && before(1) <= '9' : word;
        if (!fits) continue;
        if (const Match match = look_for(*shape, text, last); settle(match)) return match;
        // A longer prefix that may yet come goes before a shorter one.
        if (undecided.verdict == Verdict::more) return undecided;
      }
    }
    Match match;
    switch (c) {
      case '-': match = look_for_key_block(text, last); break;
      case 'e': match = at_word() ? look_for_jwt(text, last) : Match{}; break;
      case ':': match = look_for_url_password(text, last); break;
      case 'a':
      case 'A':
      case 's':
      case 'S': match = look_for_named_secret(text, last); break;
      default: break;
    }
    if (settle(match)) return match;
    return undecided;
  }

  Match look_for(const Shape& shape, std::string_view text, bool last) const {
    const Verdict prefix = begins_with(text, shape.prefix, last);
    if (prefix != Verdict::yes) return {prefix};
    const std::size_t from = shape.prefix.size();
    // What may be longer than its least length goes on by swallowing, so this is bounded.
    const std::size_t enough = from + (shape.most != 0 ? shape.most + 1 : shape.least);
    std::size_t end = from;
    while (end < text.size() && end < enough && is_in(shape.tail, text[end])) ++end;
    if (shape.most != 0) {
      if (end - from > shape.most) return {};
      if (end == text.size() && end < enough && !last) return {Verdict::more};
      if (end - from < shape.least) return {};
      return {Verdict::yes, shape.kind, at, at + end, std::nullopt};
    }
    if (end == enough) return {Verdict::yes, shape.kind, at, at + end, shape.tail};
    return {end == text.size() && !last ? Verdict::more : Verdict::no};
  }

  Match look_for_key_block(std::string_view text, bool last) const {
    const Verdict prefix = begins_with(text, kBegin, last);
    if (prefix != Verdict::yes) return {prefix};
    const std::string_view label = text.substr(kBegin.size(), kLongestLabel);
    const std::size_t dashes =
        text.substr(0, kBegin.size() + kLongestLabel + kDashes.size()).find(kDashes, kBegin.size());
    if (dashes == std::string_view::npos) {
      return {!last && text.size() < kBegin.size() + kLongestLabel + kDashes.size() ? Verdict::more : Verdict::no};
    }
    if (label.substr(0, dashes - kBegin.size()).find("PRIVATE KEY") == std::string_view::npos) return {};
    return {Verdict::yes, "private_key", at, at + dashes + kDashes.size(), std::nullopt, true};
  }

  // Three parts of base64url with dots between; the first two are JSON objects, so they begin with "eyJ"
  // (RFC 7519, section 3).
  Match look_for_jwt(std::string_view text, bool last) {
    const Verdict prefix = begins_with(text, "eyJ", last);
    if (prefix != Verdict::yes) return {prefix};
    if (base + at < dead_end) return {};
    std::size_t end = 0;
    std::size_t second_part = 0;
    for (int part = 0; part < 2; ++part) {
      if (part == 1) {
        const Verdict second = begins_with(text.substr(end), "eyJ", last);
        if (second == Verdict::no) dead_end = base + at + end;
        if (second != Verdict::yes) return {second};
      }
      const std::size_t from = end;
      second_part = from;
      while (end < text.size() && is_in(CharClass::word, text[end]) && end < kLongestToken) ++end;
      if (end == text.size() && !last && end < kLongestToken) return {Verdict::more};
      if (end == text.size() || text[end] != '.' || end - from < 8) {
        dead_end = base + at + end;
        return {};
      }
      ++end;
    }
    // At least the beginning of a signature, so that "eyJ...eyJ..." of an unsigned one is left alone.
    std::size_t signature = end;
    while (signature < text.size() && is_in(CharClass::word, text[signature]) && signature - end < 16) ++signature;
    if (signature - end < 16) {
      if (signature == text.size() && !last) return {Verdict::more};
      dead_end = base + at + second_part;
      return {};
    }
    return {Verdict::yes, "jwt", at, at + signature, CharClass::word};
  }

  // scheme://user:password@host: the password goes.
  Match look_for_url_password(std::string_view text, bool last) const {
    const Verdict prefix = begins_with(text, "://", last);
    if (prefix != Verdict::yes) return {prefix};
    if (!is_alnum(before(1))) return {};
    const auto stops = [](char c) {
      return static_cast<unsigned char>(c) <= ' ' || std::strchr("/?#\"'<>\\", c) != nullptr;
    };
    const auto walk = [&](std::size_t from, std::string_view until) {
      std::size_t end = from;
      while (end < text.size() && end - from < kLongestUrlPart && !stops(text[end]) &&
             until.find(text[end]) == std::string_view::npos) {
        ++end;
      }
      return end;
    };
    const std::size_t colon = walk(3, ":@");
    if (colon == text.size()) return {last ? Verdict::no : Verdict::more};
    if (text[colon] != ':') return {};
    const std::size_t sign = walk(colon + 1, "@");
    if (sign == text.size()) return {last ? Verdict::no : Verdict::more};
    if (text[sign] != '@' || sign == colon + 1) return {};
    return {Verdict::yes, "url_password", at + colon + 1, at + sign, std::nullopt};
  }

  // A 40-character key has no shape of its own; its customary name gives it away.
  Match look_for_named_secret(std::string_view text, bool last) const {
    constexpr std::size_t kKey = 40;
    constexpr std::size_t kBetween = 8;
    for (const std::string_view name :
         {std::string_view("aws_secret_access_key"), std::string_view("secretaccesskey")}) {
      std::size_t end = 0;
      while (end < text.size() && end < name.size() && lower(text[end]) == name[end]) ++end;
      if (end < name.size()) {
        if (end == text.size() && !last) return {Verdict::more};
        continue;
      }
      const std::size_t after = end;
      while (end < text.size() && end - after < kBetween && std::strchr(" \t=:\"'\\", text[end]) != nullptr) ++end;
      const std::size_t key = end;
      while (end < text.size() && end - key <= kKey && is_in(CharClass::base64, text[end])) ++end;
      if (end == text.size() && end - key <= kKey && !last) return {Verdict::more};
      if (end - key == kKey) return {Verdict::yes, "aws_secret_access_key", at + key, at + end, std::nullopt};
    }
    return {};
  }
};

LeakScanner::Stream::Stream() : impl_(std::make_unique<Impl>()) {}
LeakScanner::Stream::~Stream() = default;

std::string LeakScanner::Stream::feed(std::string_view piece) {
  std::string out;
  impl_->take(piece, false, out);
  return out;
}

std::string LeakScanner::Stream::finish() {
  std::string out;
  impl_->take({}, true, out);
  return out;
}

const std::vector<Leak>& LeakScanner::Stream::leaks() const { return impl_->leaks; }

LeakScan LeakScanner::scan(std::string_view text) {
  Stream stream;
  LeakScan scan;
  scan.masked = stream.feed(text);
  scan.masked += stream.finish();
  scan.leaks = stream.leaks();
  return scan;
}

LeakScan LeakScanner::scan_json(std::string_view json) {
  // Without escapes the text of the strings stands there as it is: no need to take the JSON apart.
  if (json.find('\\') == std::string_view::npos) {
    LeakScan plain = scan(json);
    if (plain.leaks.empty()) return plain;
  }
  LeakScan all;
  const auto clean = [&all](std::string_view text) {
    LeakScan one = scan(text);
    const std::size_t room = kMaxReportedLeaks - all.leaks.size();
    one.leaks.resize(std::min(one.leaks.size(), room));
    all.leaks.insert(all.leaks.end(), one.leaks.begin(), one.leaks.end());
    return std::move(one.masked);
  };
  all.masked = map_json_text(json, clean);
  return all;
}

}  // namespace librebird::vault
