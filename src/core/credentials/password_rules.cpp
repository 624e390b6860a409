// Which new passwords are taken. A password is cut into what a guesser tries as one thing each (common words, runs of
// neighbouring keys, years, the person's own name) and the characters left over; it needs a few of those.
#include <librebird/core/credentials/password.hpp>

#include "encoding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace librebird {
namespace {

constexpr int kLeastPieces = 6;
constexpr std::size_t kLeastWord = 3;
constexpr std::size_t kLeastRun = 3;

// Words and phrases that head every list of leaked passwords, with what is added to them.
constexpr std::array kCommon = {
    "abcd1234",   "abgrtyu",   "account",   "adidas",     "admin",     "administrator", "alexander",
    "allowme",    "amanda",    "america",   "andrea",     "andrew",    "angel",         "anthony",
    "apple",      "april",     "arsenal",   "asdfgh",     "ashley",    "august",        "austin",
    "autumn",     "babygirl",  "backup",    "bailey",     "banana",    "barcelona",     "baseball",
    "basketball", "batman",    "beautiful", "berlin",     "biteme",    "blink182",      "bonjour",
    "brandon",    "buster",    "butterfly", "camaro",     "changeme",  "charlie",       "cheese",
    "chelsea",    "chicken",   "chocolate", "christmas",  "coffee",    "company",       "computer",
    "cookie",     "corvette",  "cowboys",   "daniel",     "david",     "december",      "default",
    "denise",     "diamond",   "dolphin",   "donald",     "dragon",    "eagles",        "elizabeth",
    "fabric",     "facebook",  "family",    "february",   "ferrari",   "flower",        "football",
    "forever",    "freedom",   "friday",    "friends",    "fuckyou",   "garfield",      "george",
    "ginger",     "google",    "guest",     "hallo",      "hannah",    "harley",        "heather",
    "hello",      "hockey",    "horse",     "hottie",     "house",     "hunter",        "iloveu",
    "iloveyou",   "internet",  "jackson",   "january",    "jasmine",   "jennifer",      "jessica",
    "jesus",      "jonathan",  "jordan",    "joshua",     "juillet",   "july",          "june",
    "junior",     "justin",    "kevin",     "killer",     "kitten",    "lakers",        "letmein",
    "liberty",    "libre",     "linux",     "liverpool",  "london",    "login",         "loveme",
    "lovely",     "lucky",     "maggie",    "manager",    "march",     "martin",        "master",
    "matrix",     "matthew",   "maverick",  "mercedes",   "merlin",    "michael",       "michelle",
    "mickey",     "midnight",  "minecraft", "monday",     "money",     "monkey",        "monster",
    "morgan",     "mother",    "mustang",   "mypassword", "naruto",    "newyork",       "nicholas",
    "nicole",     "nintendo",  "november",  "october",    "office",    "orange",        "pass",
    "passphrase", "passw",     "passwd",    "passwort",   "password",  "patrick",       "peanut",
    "pepper",     "phoenix",   "pokemon",   "pretty",     "princess",  "private",       "public",
    "purple",     "pussy",     "qazwsx",    "qwerty",     "qwertz",    "rabbit",        "rachel",
    "ranger",     "robert",    "root",      "samantha",   "samsung",   "saturday",      "school",
    "scooter",    "secret",    "secure",    "security",   "september", "server",        "service",
    "shadow",     "silver",    "slipknot",  "snoopy",     "soccer",    "sommer",        "spring",
    "staff",      "starwars",  "steelers",  "stella",     "summer",    "sunday",        "sunshine",
    "superman",   "support",   "sweet",     "system",     "taylor",    "teacher",       "temp",
    "tennis",     "test",      "thomas",    "thunder",    "thursday",  "tiger",         "tigger",
    "tinkerbell", "topsecret", "travis",    "trustno1",   "tuesday",   "twitter",       "user",
    "vanessa",    "victory",   "walter",    "wednesday",  "welcome",   "whatever",      "william",
    "windows",    "winter",    "wizard",    "yankees",    "yellow",    "zxcvbn",        "correcthorsebatterystaple"};
constexpr std::array<std::string_view, 5> kRows = {"qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm"};

char folded(char c) {
  switch (c) {
    case '0': return 'o';
    case '1': return 'l';
    case '3': return 'e';
    case '4':
    case '@': return 'a';
    case '5':
    case '$': return 's';
    case '7': return 't';
    case '!': return 'i';
    default: return c;
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string fold(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), folded);
  return out;
}

bool neighbours(char a, char b, int step) {
  if (step >= -1 && step <= 1) return b - a == step;
  return std::ranges::any_of(kRows, [&](std::string_view row) {
    const std::size_t at = row.find(a);
    if (at == std::string_view::npos) return false;
    return step > 0 ? at + 1 < row.size() && row[at + 1] == b : at > 0 && row[at - 1] == b;
  });
}

// How many characters at the front go on in one way: the same, up, down, or along the keyboard.
std::size_t run_length(std::string_view text) {
  std::size_t best = 1;
  for (const int step : {0, 1, -1, 2, -2}) {
    std::size_t length = 1;
    while (length < text.size() && neighbours(text[length - 1], text[length], step)) ++length;
    best = std::max(best, length);
  }
  return best >= kLeastRun ? best : 1;
}

std::size_t year_length(std::string_view text) {
  const bool year = text.size() >= 4 && (text.starts_with("19") || text.starts_with("20")) && text[2] >= '0' &&
                    text[2] <= '9' && text[3] >= '0' && text[3] <= '9';
  return year ? 4 : 1;
}

std::size_t word_length(std::string_view plain, std::string_view spelled, std::string_view word) {
  if (word.size() < kLeastWord) return 1;
  return plain.starts_with(word) || spelled.starts_with(fold(word)) ? word.size() : 1;
}

int pieces_of(std::string_view password, std::span<const std::string> personal) {
  const std::string plain = lower(password);
  const std::string spelled = fold(plain);
  int pieces = 0;
  for (std::size_t at = 0; at < plain.size();) {
    const std::string_view rest = std::string_view(plain).substr(at);
    const std::string_view other = std::string_view(spelled).substr(at);
    std::size_t length = std::max(run_length(rest), year_length(rest));
    for (const char* word : kCommon) length = std::max(length, word_length(rest, other, word));
    for (const std::string& word : personal) length = std::max(length, word_length(rest, other, word));
    at += length;
    // A character of several bytes is one.
    while (at < plain.size() && (static_cast<unsigned char>(plain[at]) & 0xC0U) == 0x80U) ++at;
    ++pieces;
  }
  return pieces;
}

// The words of a name or an address.
void add_words(std::vector<std::string>& out, std::string_view text) {
  const std::string plain = lower(text);
  std::string word;
  for (const char c : plain + " ") {
    const bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<unsigned char>(c) & 0x80U) != 0;
    if (part) {
      word += c;
    } else {
      if (word.size() >= kLeastWord) out.push_back(word);
      word.clear();
    }
  }
}

}  // namespace

Result<std::string> check_new_password(std::string_view password, std::span<const std::string> personal) {
  LB_TRY(normal, normal_password(password));
  const auto characters =
      std::ranges::count_if(normal, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
  if (static_cast<std::size_t>(characters) < kLeastPasswordCharacters) {
    return {Code::invalid_argument, fmt::format("The password must have at least {} characters; a few words that do "
                                                "not belong together are good.",
                                                kLeastPasswordCharacters)};
  }
  std::vector<std::string> words;
  for (const std::string& text : personal) add_words(words, text);
  if (pieces_of(normal, words) < kLeastPieces) {
    return {Code::invalid_argument,
            "The password is among those that are guessed first: leave out common words, rows of keys, years and your "
            "own name, or add more words."};
  }
  return normal;
}

}  // namespace librebird
