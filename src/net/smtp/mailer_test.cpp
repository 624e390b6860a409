// The mailer against a server that says exactly what it is told to, and the queue against a mailer that fails.
#include "../net_testing.hpp"

#include <librebird/net/smtp/smtp_mailer.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::net::smtp {
namespace {

using net::testing::RawSocket;
using net::testing::run;
using net::testing::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kCapable = "250-x\r\n250-AUTH LOGIN PLAIN\r\n250 SMTPUTF8\r\n";

// Says the greeting, then an answer for each line; what it hears is kept. After DATA's 354 it hears the message.
struct Dialogue {
  std::vector<std::string> answers;
  std::vector<std::string> heard;

  ScriptedServer::Script script() {
    return [this](RawSocket& socket) {
      for (const std::string& answer : answers) {
        if (!socket.send(answer)) return;
        if (answer.empty()) return;
        const std::string said = socket.read_until(answer.starts_with("354") ? "\r\n.\r\n" : "\r\n");
        if (said.empty()) return;
        heard.push_back(said);
      }
      socket.read_all();
    };
  }
};

Task<void> send(Mailer& mailer, MailMessage message, Status& out) { out = co_await mailer.send(std::move(message)); }

class Smtp : public ::testing::Test {
 protected:
  Status deliver(Dialogue& dialogue, MailSettings settings = relay(), std::string to = "ada@example.com") {
    ScriptedServer server({dialogue.script()});
    settings.port = server.port();
    const auto dialer = make_dialer(loop_, pool_, "");
    const auto mailer = make_smtp_mailer(*dialer, clock_, random_, settings);
    Status out = make_error(Code::internal, "not run");
    run(loop_, send(*mailer, {std::move(to), "Hello", "Text\n", ""}, out));
    return out;
  }
  static MailSettings relay() {
    MailSettings settings;
    settings.host = "127.0.0.1";
    settings.security = Security::none;
    settings.from = "bird@example.org";
    return settings;
  }

  Loop loop_;
  Pool pool_{"resolver", 1};
  ManualClock clock_;
  SystemRandom random_;
};

std::vector<std::string> all_well() {
  return {"220 x\r\n", std::string(kCapable), "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"};
}

TEST_F(Smtp, HandsOneMessageOver) {
  Dialogue d{all_well(), {}};
  EXPECT_TRUE(deliver(d));
  ASSERT_EQ(d.heard.size(), 6U);
  EXPECT_THAT(d.heard[0], HasSubstr("EHLO "));
  EXPECT_EQ(d.heard[1], "MAIL FROM:<bird@example.org>\r\n");
  EXPECT_EQ(d.heard[2], "RCPT TO:<ada@example.com>\r\n");
  EXPECT_EQ(d.heard[3], "DATA\r\n");
  EXPECT_THAT(d.heard[4], HasSubstr("Subject: Hello\r\n"));
  EXPECT_EQ(d.heard[5], "QUIT\r\n");
}

TEST_F(Smtp, SignsInAsTheServerLikes) {
  MailSettings settings = relay();
  settings.user = "u";
  settings.password = "p";
  auto answers = all_well();
  answers.insert(answers.begin() + 2, "235 in\r\n");
  Dialogue plain{answers, {}};
  EXPECT_TRUE(deliver(plain, settings));
  EXPECT_EQ(plain.heard[1], "AUTH PLAIN AHUAcA==\r\n");

  answers = all_well();
  answers[1] = "250-x\r\n250 AUTH LOGIN\r\n";
  answers.insert(answers.begin() + 2, {"334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 in\r\n"});
  Dialogue login{answers, {}};
  EXPECT_TRUE(deliver(login, settings));
  EXPECT_EQ(login.heard[1], "AUTH LOGIN\r\n");
  EXPECT_EQ(login.heard[2], "dQ==\r\n");
  EXPECT_EQ(login.heard[3], "cA==\r\n");

  Dialogue wrong{{"220 x\r\n", std::string(kCapable), "535 no\r\n"}, {}};
  const Status refused = deliver(wrong, settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::permission_denied);
  EXPECT_THAT(refused.error().message, HasSubstr("sign-in"));
}

TEST_F(Smtp, SaysNothingToAServerThatHidesEncryption) {
  MailSettings settings = relay();
  settings.security = Security::starttls;
  settings.user = "u";
  settings.password = "hunter2";
  Dialogue stripped{{"220 x\r\n", std::string(kCapable)}, {}};
  const Status refused = deliver(stripped, settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_THAT(stripped.heard, ElementsAre(HasSubstr("EHLO")));

  Dialogue injected{{"220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"}, {}};
  const Status slipped = deliver(injected, settings);
  ASSERT_FALSE(slipped);
  EXPECT_THAT(slipped.error().message, HasSubstr("slipped in"));
  EXPECT_THAT(injected.heard, ElementsAre(HasSubstr("EHLO"), "STARTTLS\r\n"));
}

TEST_F(Smtp, TellsWhatPassesFromWhatDoesNot) {
  struct Case {
    std::size_t step;
    const char* answer;
    Code code;
  };
  for (const Case& c :
       {Case{0, "421 busy\r\n", Code::unavailable}, Case{0, "554 go away\r\n", Code::permission_denied},
        Case{2, "550 not you\r\n", Code::permission_denied}, Case{3, "450 greylisted\r\n", Code::unavailable},
        Case{3, "550 unknown\r\n", Code::permission_denied}, Case{4, "451 later\r\n", Code::unavailable},
        Case{5, "554 spam\r\n", Code::permission_denied}, Case{5, "452 full\r\n", Code::unavailable},
        Case{1, "what?\r\n", Code::unavailable}, Case{5, "", Code::unavailable}, Case{4, "", Code::unavailable},
        Case{0, "", Code::unavailable}}) {
    auto answers = all_well();
    answers.resize(c.step + 1);
    answers[c.step] = c.answer;
    Dialogue d{answers, {}};
    const Status got = deliver(d);
    ASSERT_FALSE(got) << c.step << c.answer;
    EXPECT_EQ(got.error().code, c.code) << c.step << c.answer << got.error().message;
    EXPECT_EQ(got.error().retryable, c.code == Code::unavailable);
  }
}

TEST_F(Smtp, DoesNotWaitForAServerThatHangs) {
  MailSettings settings = relay();
  settings.step_timeout = Millis(50);
  auto answers = all_well();
  answers.resize(2);
  Dialogue d{answers, {}};  // then it reads and says nothing
  const Status got = deliver(d, settings);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::deadline_exceeded);
}

TEST_F(Smtp, SpeaksOfAddressesBeyondAsciiOnlyWhereTheyAreKnown) {
  Dialogue can{all_well(), {}};
  EXPECT_TRUE(deliver(can, relay(), "gęś@example.com"));
  EXPECT_EQ(can.heard[1], "MAIL FROM:<bird@example.org> SMTPUTF8\r\n");
  auto answers = all_well();
  answers[1] = "250 x\r\n";
  Dialogue cannot{answers, {}};
  const Status refused = deliver(cannot, relay(), "gęś@example.com");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("SMTPUTF8"));
}

TEST_F(Smtp, ConnectsToNobodyForABadAddress) {
  Dialogue d{all_well(), {}};
  const Status refused = deliver(d, relay(), "ada@example.com>\r\nRCPT TO:<eve@example.net");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_TRUE(d.heard.empty());
}

// Fails as told, then succeeds; may be held in the middle of sending.
class FakeMailer final : public SmtpMailer {
 public:
  explicit FakeMailer(Loop& loop) : changed(loop.executor()) {}
  [[nodiscard]] bool configured() const override { return true; }
  Task<Status> send(MailMessage) override {
    ++calls;
    changed.notify_all();
    while (held && !cancelled) co_await changed.wait();
    if (cancelled) co_return make_error(Code::cancelled, "cancelled");
    if (failures.empty()) {
      ++sent;
      changed.notify_all();
      co_return Ok{};
    }
    Error failure = failures.front();
    failures.erase(failures.begin());
    co_return failure;
  }
  Task<Status> check() override { co_return Ok{}; }
  void cancel() override {
    cancelled = true;
    changed.notify_all();
  }
  Task<void> until_calls(int count) {
    while (calls < count) co_await changed.wait();
  }

  Signal changed;
  std::vector<Error> failures;
  bool held = false;
  bool cancelled = false;
  int calls = 0;
  int sent = 0;
};

class Queue : public ::testing::Test {
 protected:
  Loop loop_;
  FakeMailer direct_{loop_};
  MailQueue queue_{loop_, direct_, {.limit = 3, .at_once = 2, .delays = {Millis(1), Millis(1)}}};
};

const MailMessage kMessage{"ada@example.com", "Hello", "Text", ""};

Task<void> send_all(MailQueue& queue, int count, std::vector<Status>& out) {
  for (int i = 0; i < count; ++i) out.push_back(co_await queue.send(kMessage));
}
Task<void> until_idle(MailQueue& queue, FakeMailer& direct) {
  while (queue.waiting() > 0) co_await direct.changed.wait({}, Millis(1));
}
Task<void> retried(MailQueue& queue, FakeMailer& direct, std::vector<Status>& out) {
  co_await send_all(queue, 1, out);
  co_await until_idle(queue, direct);
  co_await queue.stop(Millis(0));
}

TEST_F(Queue, TriesAgainWhatPasses) {
  direct_.failures = {make_error(Code::unavailable, "greylisted"), make_error(Code::deadline_exceeded, "slow")};
  std::vector<Status> out;
  run(loop_, retried(queue_, direct_, out));
  EXPECT_TRUE(out.at(0));
  EXPECT_EQ(direct_.calls, 3);
  EXPECT_EQ(direct_.sent, 1);
}

TEST_F(Queue, GivesUpWhatDoesNot) {
  direct_.failures = {make_error(Code::permission_denied, "unknown")};
  std::vector<Status> out;
  run(loop_, retried(queue_, direct_, out));
  EXPECT_EQ(direct_.calls, 1);
  EXPECT_EQ(direct_.sent, 0);
}

TEST_F(Queue, GivesUpInTheEnd) {
  direct_.failures.assign(10, make_error(Code::unavailable, "away"));
  std::vector<Status> out;
  run(loop_, retried(queue_, direct_, out));
  EXPECT_EQ(direct_.calls, 3);
}

Task<void> filled(MailQueue& queue, FakeMailer& direct, std::vector<Status>& out) {
  direct.held = true;
  co_await send_all(queue, 4, out);
  co_await direct.until_calls(2);
  co_await queue.stop(Millis(1));
}

TEST_F(Queue, IsBoundedAndEndsWhenTold) {
  std::vector<Status> out;
  run(loop_, filled(queue_, direct_, out));
  EXPECT_TRUE(out[0] && out[1] && out[2]);
  ASSERT_FALSE(out[3]);
  EXPECT_EQ(out[3].error().code, Code::resource_exhausted);
  EXPECT_EQ(direct_.calls, 2);  // two connections, no more
  EXPECT_TRUE(direct_.cancelled);
  EXPECT_EQ(queue_.waiting(), 0U);
}

Task<void> drained(MailQueue& queue, FakeMailer& direct, std::vector<Status>& out) {
  direct.held = true;
  co_await send_all(queue, 1, out);
  co_await direct.until_calls(1);
  direct.held = false;
  direct.changed.notify_all();
  co_await queue.stop(Millis(10'000));
}

TEST_F(Queue, LetsWhatIsBeingSentEnd) {
  std::vector<Status> out;
  run(loop_, drained(queue_, direct_, out));
  EXPECT_EQ(direct_.sent, 1);
}

Task<void> refused(MailQueue& queue, Status& out) {
  out = co_await queue.send({"ada@example.com\r\nBcc: eve@example.net", "Hello", "Text", ""});
  co_await queue.stop(Millis(0));
}

TEST_F(Queue, RefusesABadAddressAtOnce) {
  Status out = Ok{};
  run(loop_, refused(queue_, out));
  EXPECT_FALSE(out);
  EXPECT_EQ(direct_.calls, 0);
}

}  // namespace
}  // namespace librebird::net::smtp
