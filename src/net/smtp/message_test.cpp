#include "message.hpp"
#include "reply.hpp"

#include <librebird/net/smtp/smtp_mailer.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace librebird::net::smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Envelope kEnvelope{"bird@example.org", "Libre Bird", 1'700'000'000'000, "id@example.org", "=_b"};

TEST(Message, IsPlainTextWithItsHeaders) {
  const auto made = format_message({"ada@example.com", "Hello", "One\nTwo = 2\n", ""}, kEnvelope);
  ASSERT_TRUE(made);
  EXPECT_EQ(*made,
            "From: Libre Bird\r\n <bird@example.org>\r\nTo: <ada@example.com>\r\nSubject: Hello\r\n"
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <id@example.org>\r\n"
            "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            "One\r\nTwo =3D 2\r\n");
}

TEST(Message, IsBothKindsOfTextWhenThereIsHtml) {
  const auto made = format_message({"ada@example.com", "Hello", "text", "<p>html</p>"}, kEnvelope);
  ASSERT_TRUE(made);
  EXPECT_THAT(*made, HasSubstr("Content-Type: multipart/alternative; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: "
                               "text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(*made, HasSubstr("\r\n--=_b\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_TRUE(made->ends_with("<p>html</p>\r\n--=_b--\r\n"));
}

TEST(Message, StaysSevenBitInShortLinesWhateverTheText) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "Zażółć gęślą jaźń 🐦 = \t \x01";
  const auto made =
      format_message({"ada@example.com", "Grüße aus Łódź 🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦", text, ""}, kEnvelope);
  ASSERT_TRUE(made);
  EXPECT_TRUE(is_ascii(*made));
  std::istringstream lines(*made);
  for (std::string line; std::getline(lines, line);) {
    ASSERT_TRUE(line.ends_with('\r')) << line;
    ASSERT_LE(line.size(), 78U) << line;
  }
}

TEST(Message, CannotBeGivenAnotherHeader) {
  for (const char* subject : {"Hi\r\nBcc: eve@example.net", "Hi\nX: y", "Hi\rX: y", "", "a\x7F", "\xFF"}) {
    EXPECT_FALSE(format_message({"ada@example.com", subject, "t", ""}, kEnvelope)) << subject;
  }
  Envelope sender = kEnvelope;
  sender.from_name = "Bird\r\nBcc: eve@example.net";
  EXPECT_FALSE(format_message({"ada@example.com", "Hi", "t", ""}, sender));
  // A subject that looks encoded is encoded: it must not be decoded into something else.
  const auto made = format_message({"ada@example.com", "=?utf-8?B?QmNj?=", "t", ""}, kEnvelope);
  ASSERT_TRUE(made);
  EXPECT_THAT(*made, HasSubstr("Subject: =?utf-8?B?PT91dGYtOD9CP1FtTmo/PQ==?="));
}

TEST(Message, GoesToOneAddressOnly) {
  for (const char* bad :
       {"", "ada", "@example.com", "ada@", "a@b@c", "ada@example.com,eve@example.net", "ada@example.com> SIZE=1",
        "<ada@example.com>", "ada @example.com", "ada@example.com\r\nRCPT TO:<eve@example.net>", "\"a\"@example.com",
        "ada@[127.0.0.1]", "a\xFF@example.com"}) {
    EXPECT_FALSE(check_address(bad)) << bad;
  }
  EXPECT_FALSE(check_address(std::string(65, 'a') + "@example.com"));
  EXPECT_TRUE(check_address("ada+bird@sub.example.com"));
  EXPECT_TRUE(check_address("gęś@example.com"));
}

TEST(Message, DoublesDotsAndEndsOnce) {
  EXPECT_EQ(dot_stuffed(".\r\n..\r\na.b\r\n"), "..\r\n...\r\na.b\r\n.\r\n");
  EXPECT_EQ(dot_stuffed("a"), "a\r\n.\r\n");
  // A line with nothing but a dot, from a text: it cannot end the message early.
  const auto made = format_message({"ada@example.com", "Hi", "a\n.\nb", ""}, kEnvelope);
  EXPECT_THAT(dot_stuffed(*made), HasSubstr("a\r\n..\r\nb\r\n.\r\n"));
}

TEST(Message, EncodesSpacesAtTheEndsOfLines) {
  EXPECT_EQ(quoted_printable("a \nb\t"), "a=20\r\nb=09");
  EXPECT_EQ(quoted_printable("a\rb\r\nc"), "a\r\nb\r\nc");
}

Result<std::optional<Reply>> read(std::string_view bytes) {
  ReplyReader reader;
  reader.feed(bytes);
  return reader.next();
}

TEST(Reply, IsReadFromAnyPieces) {
  ReplyReader reader;
  for (const char c : std::string_view("250-host\r\n250-AUTH PLAIN\r\n250 OK")) {
    reader.feed(std::string_view(&c, 1));
    const auto none = reader.next();
    ASSERT_TRUE(none && !*none);
  }
  reader.feed("\r\n354\r\n");
  const auto first = reader.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->code, 250);
  EXPECT_THAT((*first)->lines, ElementsAre("host", "AUTH PLAIN", "OK"));
  EXPECT_FALSE(reader.empty());
  const auto second = reader.next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->code, 354);
  EXPECT_TRUE(reader.empty());
}

TEST(Reply, IsRefusedWhenItIsNone) {
  for (const std::string& bad : {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("25\r\n"),
                                 std::string("999 x\r\n"), std::string("250x\r\n"), std::string("250-a\r\n251 b\r\n"),
                                 std::string(3000, 'x'), "250 " + std::string(3000, 'x') + "\r\n"}) {
    EXPECT_FALSE(read(bad)) << bad.substr(0, 20);
  }
  std::string many;
  for (int i = 0; i < 200; ++i) many += "250-x\r\n";
  EXPECT_FALSE(read(many));
}

TEST(Reply, IsShownBoundedAndPrintable) {
  const auto reply = read("550 no\x1B[31m such " + std::string(1000, 'u') + "ser\r\n");
  ASSERT_TRUE(reply && *reply);
  EXPECT_LE((*reply)->words().size(), 300U);
  EXPECT_THAT((*reply)->words(), HasSubstr("550 no?[31m such"));
}

TEST(MailSettings, AreReadFromOneAddress) {
  const auto all = parse_mail_settings("smtp://bird%40example.org:p%40ss%2Fw@mail.example.org", "");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->host, "mail.example.org");
  EXPECT_EQ(all->port, 587);
  EXPECT_EQ(all->security, Security::starttls);
  EXPECT_EQ(all->user, "bird@example.org");
  EXPECT_EQ(all->password, "p@ss/w");
  EXPECT_EQ(all->from, "bird@example.org");
  const auto tls = parse_mail_settings("smtps://mail.example.org:4650", "Libre Bird <no-reply@example.org>");
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->port, 4650);
  EXPECT_EQ(tls->security, Security::implicit);
  EXPECT_EQ(tls->from, "no-reply@example.org");
  EXPECT_EQ(tls->from_name, "Libre Bird");
  const auto relay = parse_mail_settings("smtp+insecure://[::1]", "a@b.example");
  ASSERT_TRUE(relay);
  EXPECT_EQ(relay->host, "::1");
  EXPECT_EQ(relay->port, 25);
}

TEST(MailSettings, NameWhatIsWrongAndNeverThePassword) {
  for (const char* bad : {"mail.example.org", "http://u:hunter2@mail.example.org", "smtp://u:hunter2@",
                          "smtp://u:hunter2@mail.example.org/x", "smtp://u:hunter2@mail.example.org:0",
                          "smtp://u:hunter2@mail.example.org?x=1", "smtp://u:hun%00ter2@mail.example.org"}) {
    const auto read = parse_mail_settings(bad, "bird@example.org");
    ASSERT_FALSE(read) << bad;
    EXPECT_THAT(read.error().message, HasSubstr("mail.url"));
    EXPECT_THAT(read.error().message, Not(HasSubstr("hunter2")));
  }
  const auto nobody = parse_mail_settings("smtp://user:pass@mail.example.org", "");
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message, HasSubstr("mail.from"));
}

}  // namespace
}  // namespace librebird::net::smtp
