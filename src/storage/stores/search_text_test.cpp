#include "search_text.hpp"

#include <gtest/gtest.h>

namespace librebird::storage {
namespace {

TEST(SearchText, FoldsAndCuts) {
  EXPECT_EQ(index_text("Hello, WORLD! foo_bar-baz(2)"), "hello world foo bar baz 2");
  EXPECT_EQ(index_text("Málaga Ærø ŁÓDŹ Việt e\xCC\x81t\xC3\xA9 Straße"), "malaga æro lodz viet ete straße");
  EXPECT_EQ(index_text("Ёлка МОСКВА Σίσυφος"), "елка москва σισυφοσ");
  EXPECT_EQ(index_text("北京の天気"), "北 京 の 天 気");
  EXPECT_EQ(index_text("ＡＢ１"), "ab1");
  EXPECT_EQ(index_text("“quoted”…"), "quoted");
  EXPECT_EQ(index_text("x\xF0\x9F\xA6\x9Cy"), "x \xF0\x9F\xA6\x9C y");
  EXPECT_EQ(index_text(""), "");
}

TEST(SearchText, TokensKnowWhereTheyCameFrom) {
  const std::string text = "  Élan—vital";
  const auto tokens = tokens_of(text, 10);
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(text.substr(tokens[0].begin, tokens[0].end - tokens[0].begin), "Élan");
  EXPECT_EQ(text.substr(tokens[1].begin, tokens[1].end - tokens[1].begin), "vital");
  EXPECT_EQ(tokens_of("a b c", 2).size(), 2U);
}

TEST(SearchText, Words) {
  const auto words = words_of(" foo-bar  \" ba", true);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].tokens, (std::vector<std::string>{"foo", "bar"}));
  EXPECT_FALSE(words[0].prefix);
  EXPECT_TRUE(words[1].prefix);
  EXPECT_EQ(words_of("a b c d e f g h i j k", false).size(), 8U);
  EXPECT_TRUE(words_of("\"*\" ()", true).empty());
}

TEST(SearchText, Snippets) {
  EXPECT_EQ(snippet_of("plain text", words_of("other", true)), "plain text");
  EXPECT_EQ(snippet_of("a cat\nand a Cat", words_of("cat", false)), "a ⁨cat⁩ and a ⁨Cat⁩");
  const std::string snippet =
      snippet_of(std::string(1000, 'x') + " needle " + std::string(1000, 'y'), words_of("needle", false));
  EXPECT_NE(snippet.find("⁨needle⁩"), std::string::npos);
  EXPECT_LT(snippet.size(), 150U);
  EXPECT_EQ(snippet_of("ends with half a character \xE2\x82", words_of("half", false)).size() > 10, true);
}

}  // namespace
}  // namespace librebird::storage
