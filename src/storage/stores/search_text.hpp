#pragma once

// How text is cut into words for searching, the same way when it is indexed, asked for and shown. Pure functions.
//
// A token is a run of letters and digits, folded: lower case, Latin letters without their accents. In scripts that
// do not put spaces between words (Chinese, Japanese, Thai, ...) each character is a token, so a query is found as a
// sequence of them anywhere. Case folding covers Latin, Greek, Cyrillic and Armenian (Unicode 15, CaseFolding.txt).

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

struct Token {
  std::string text;       // folded
  std::size_t begin = 0;  // bytes in the original
  std::size_t end = 0;
};

// At most `limit` tokens. `text` is well-formed UTF-8.
[[nodiscard]] std::vector<Token> tokens_of(std::string_view text, std::size_t limit);

// What is between spaces in a query: one token, or several that must follow each other ("foo-bar").
struct SearchWord {
  std::vector<std::string> tokens;
  bool prefix = false;  // the last token is only the beginning of one
};

// At most eight words; the last one is a prefix if `prefix_last`. Words without a token are left out.
[[nodiscard]] std::vector<SearchWord> words_of(std::string_view query, bool prefix_last);

// For an index that splits at spaces: all tokens of the text's first 256 KiB.
[[nodiscard]] std::string index_text(std::string_view text);

// Ids as one token, so that an index can tell whose words they are: of workspace and author, and of the conversation.
[[nodiscard]] std::string author_token(std::string_view workspace_id, std::string_view user_id);
[[nodiscard]] std::string conversation_token(std::string_view conversation_id);

// Whether the word is in the text.
[[nodiscard]] bool contains_word(const std::vector<Token>& tokens, const SearchWord& word);

// About `characters` characters of the text around the first match, with matches between U+2068 and U+2069;
// the text's beginning when nothing matches. Line breaks become spaces.
[[nodiscard]] std::string snippet_of(std::string_view text, const std::vector<SearchWord>& words,
                                     std::size_t characters = 120);

}  // namespace librebird::storage
