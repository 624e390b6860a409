#include <librebird/gateway/letters.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const LetterWords kWords{"Our Bird", "https://bird.example/sign-in#token=abc", "Ada", "Home"};

TEST(Letters, SayTheSameAsTextAndAsHtml) {
  const MailMessage mail = write_letter(Letter::sign_in, "ada@example.com", kWords);
  EXPECT_EQ(mail.to, "ada@example.com");
  EXPECT_EQ(mail.subject, "Sign in to Our Bird");
  EXPECT_EQ(
      mail.text,
      "Open this link to sign in to Our Bird:\n\nhttps://bird.example/sign-in#token=abc\n\nIt is good once, for 15 "
      "minutes. If you did not ask for it, do nothing: without the link nothing happens.\n");
  EXPECT_THAT(mail.html, HasSubstr("<p>Open this link to sign in to Our Bird:</p>"));
  EXPECT_THAT(mail.html, HasSubstr("<a href=\"https://bird.example/sign-in#token=abc\""));
}

TEST(Letters, AreAllThere) {
  for (const Letter letter : {Letter::sign_in, Letter::reset_password, Letter::verify_email, Letter::invitation,
                              Letter::new_device, Letter::account_exists}) {
    const MailMessage mail = write_letter(letter, "ada@example.com", kWords);
    EXPECT_THAT(mail.subject, HasSubstr("Our Bird"));
    EXPECT_THAT(mail.text, HasSubstr(kWords.link));
    for (const std::string& part : {mail.subject, mail.text, mail.html}) {
      EXPECT_THAT(part, Not(HasSubstr("{{")));
      EXPECT_THAT(part, Not(HasSubstr("](")));
    }
    EXPECT_TRUE(mail.text.ends_with(".\n") || mail.text.ends_with(kWords.link + "\n")) << mail.text;
  }
}

TEST(Letters, TakeWordsOfOthersAsWordsOnly) {
  LetterWords words = kWords;
  words.who = "Eve <script>alert(1)</script>\r\nBcc: all@example.com {{link}} [x](https://evil.example)";
  words.what = std::string(500, 'x') + "\xC3\xA9";
  words.link = "https://bird.example/\"><img src=x>";
  const MailMessage mail = write_letter(Letter::invitation, "ada@example.com", words);
  EXPECT_THAT(mail.subject, Not(HasSubstr("\n")));
  EXPECT_THAT(mail.html, Not(HasSubstr("<script")));
  EXPECT_THAT(mail.html, Not(HasSubstr("<img")));
  EXPECT_THAT(mail.html, Not(HasSubstr("href=\"https://evil.example")));
  EXPECT_THAT(mail.html, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(mail.text, HasSubstr("{{link}}"));  // filled in once, not again
  EXPECT_THAT(mail.text, Not(HasSubstr(std::string(201, 'x'))));
}

}  // namespace
}  // namespace librebird::gateway
