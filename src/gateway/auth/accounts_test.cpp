#include <librebird/gateway/accounts.hpp>

#include <librebird/core/credentials/jwt.hpp>
#include <librebird/core/credentials/totp.hpp>
#include <librebird/gateway/testkit/world.hpp>

#include <set>

namespace librebird::gateway {
namespace {

using namespace testkit;

constexpr const char* kPassword = "kelp-wagon-Tuxedo";
constexpr const char* kOther = "umbrella 7 mooring";
constexpr const char* kEmail = "a@example.org";

class Outbox final : public Mailer {
 public:
  [[nodiscard]] bool configured() const override { return works; }
  Task<Status> send(MailMessage message) override {
    sent.push_back(std::move(message));
    co_return Ok{};
  }
  [[nodiscard]] std::string last_token() const {
    const std::string& text = sent.back().text;
    const std::size_t begin = text.find("#token=") + 7;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  bool works = true;
  std::vector<MailMessage> sent;
};

struct Bench {
  explicit Bench(World& in, AccountOptions options = {.public_url = "https://bird.example"})
      : world(in),
        accounts(world.loop, clock, world.random, world.stores.accounts(), world.stores.audit(), outbox, hasher,
                 std::move(options)) {}

  Task<SignInAccount> make(std::string email = kEmail, bool verified = true) {
    auto hash = co_await hasher.hash(kPassword);
    co_return *co_await world.stores.accounts().create({.email = std::move(email),
                                                        .email_verified = verified,
                                                        .display_name = "Ada Lovelace",
                                                        .password_hash = *hash,
                                                        .own_workspace = true});
  }
  Task<Error> refused(std::string email, std::string password, std::string address = "192.0.2.1") {
    const auto proof = co_await accounts.by_password(std::move(address), std::move(email), std::move(password));
    co_return proof ? make_error(Code::internal, "it was let in") : proof.error();
  }
  // Sets up a second factor; answers its secret in bytes.
  Task<std::string> second_factor(Principal principal, std::vector<std::string>& codes) {
    EXPECT_EQ((co_await accounts.begin_second_factor(principal, "")).error().code, Code::permission_denied);
    EXPECT_EQ((co_await accounts.begin_second_factor(principal, "wrong")).error().code, Code::permission_denied);
    const auto setup = co_await accounts.begin_second_factor(principal, kPassword);
    EXPECT_TRUE(setup.ok());
    const auto factor = co_await world.stores.accounts().second_factor(principal.user_id);
    EXPECT_EQ(base32(factor->secret), setup->secret);
    EXPECT_EQ((co_await accounts.confirm_second_factor(principal, "000")).error().code, Code::invalid_argument);
    auto confirmed = co_await accounts.confirm_second_factor(principal, code(factor->secret));
    EXPECT_TRUE(confirmed.ok());
    codes = *std::move(confirmed);
    co_return factor->secret;
  }
  Task<std::string> ticket() { co_return (co_await accounts.by_password("192.0.2.1", kEmail, kPassword))->ticket; }
  // Code::internal: let in.
  Task<Code> code_of(std::string ticket, std::string with) {
    const auto done = co_await accounts.by_second_factor("192.0.2.1", std::move(ticket), std::move(with));
    co_return done ? Code::internal : done.error().code;
  }
  Task<Code> change(Principal principal, std::string current, std::string password) {
    const Status done =
        co_await accounts.change_password(std::move(principal), std::move(current), std::move(password));
    co_return done ? Code::internal : done.error().code;
  }
  // Answers how many letters there are when this one was sent.
  Task<std::size_t> mail(std::string email, TokenPurpose purpose) {
    const std::size_t before = outbox.sent.size();
    EXPECT_TRUE(co_await accounts.mail_link("192.0.2.1", std::move(email), purpose));
    (void)co_await world.until([&] { return outbox.sent.size() > before; });
    co_return outbox.sent.size();
  }
  [[nodiscard]] std::string code(const std::string& secret) const {
    return totp_code(secret, clock.unix_now() / 30'000);
  }

  World& world;
  ManualClock clock{SystemClock().unix_now()};
  PasswordHasher hasher{world.random, PasswordHasher::kLeastCost};
  Outbox outbox;
  Accounts accounts;
};

Task<void> passwords(World& world) {
  Bench bench(world);
  const SignInAccount who = co_await bench.make();
  const auto proof = co_await bench.accounts.by_password("192.0.2.1", " A@Example.ORG ", kPassword);
  LB_CO_ASSERT(proof.ok());
  EXPECT_EQ(proof->who.principal.user_id, who.account.user.id);
  EXPECT_EQ(proof->ticket, "");
  const Error wrong = co_await bench.refused(kEmail, "kelp-wagon-tuxedo");
  EXPECT_EQ(wrong.code, Code::unauthenticated);
  // An account that is not there, one without a password, a password that cannot be: the same words.
  EXPECT_TRUE((co_await world.stores.accounts().create({.email = "none@example.org", .display_name = "N"})).ok());
  EXPECT_EQ(co_await bench.refused("nobody@example.org", kPassword), wrong);
  EXPECT_EQ(co_await bench.refused("none@example.org", kPassword), wrong);
  EXPECT_EQ(co_await bench.refused(kEmail, std::string(100, 'x')), wrong);
  EXPECT_EQ((co_await bench.refused("no address", kPassword)).code, Code::invalid_argument);
  EXPECT_TRUE(co_await world.stores.accounts().set_disabled(who.principal, true));
  EXPECT_EQ((co_await bench.refused(kEmail, kPassword)).code, Code::permission_denied);
  EXPECT_EQ(co_await bench.refused(kEmail, kOther), wrong) << "a disabled account is told to its owner only";
  co_await bench.accounts.stop();
}
TEST(Accounts, PasswordsAreCheckedInTheSameWordsForAll) { play(passwords); }

Task<void> lockout(World& world) {
  Bench bench(world);
  co_await bench.make();
  for (const char* email : {kEmail, "nobody@example.org"}) {
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ((co_await bench.refused(email, kOther, "192.0.2." + std::to_string(i))).code, Code::unauthenticated);
    }
    const Error closed = co_await bench.refused(email, kPassword, "192.0.2.100");
    EXPECT_EQ(closed.code, Code::resource_exhausted) << email << ": known or not";
    EXPECT_GT(closed.retry_after.count(), 0);
    EXPECT_LE(closed.retry_after, Millis(30'000));
  }
  co_await bench.accounts.stop();
}
TEST(Accounts, FailuresCloseAnAccountWhetherItIsThereOrNot) { play(lockout); }

Task<void> address_lockout(World& world) {
  Bench bench(world, {.attempts_of_address = 10});
  for (int i = 0; i < 11; ++i) {
    const std::string email = "u" + std::to_string(i) + "@example.org";
    EXPECT_EQ((co_await bench.refused(email, kOther, "2001:db8::" + std::to_string(i))).code, Code::unauthenticated);
  }
  EXPECT_EQ((co_await bench.refused("x@example.org", kOther, "2001:db8::ffff")).code, Code::resource_exhausted);
  EXPECT_EQ((co_await bench.refused("y@example.org", kOther, "2001:db8:0:1::1")).code, Code::unauthenticated);
  co_await bench.accounts.stop();
}
TEST(Accounts, AnAddressThatTriesManyAccountsIsKeptOut) { play(address_lockout); }

Task<void> second_factor(World& world) {
  Bench bench(world);
  const SignInAccount who = co_await bench.make();
  std::vector<std::string> recovery;
  const std::string secret = co_await bench.second_factor(who.principal, recovery);
  EXPECT_EQ(recovery.size(), 10U);
  const std::string first = co_await bench.ticket();
  EXPECT_NE(first, "");
  EXPECT_EQ(co_await bench.code_of(first, bench.code(secret)), Code::unauthenticated)
      << "the code that confirmed is used";
  bench.clock.advance(Millis(30'000));
  EXPECT_EQ(co_await bench.code_of("no ticket", bench.code(secret)), Code::unauthenticated);
  EXPECT_EQ(co_await bench.code_of(first, "000000"), Code::unauthenticated);
  EXPECT_EQ(co_await bench.code_of(first, bench.code(secret)), Code::internal);
  EXPECT_EQ(co_await bench.code_of(first, recovery[0]), Code::unauthenticated) << "the ticket is used";
  const std::string second = co_await bench.ticket();
  EXPECT_EQ(co_await bench.code_of(second, bench.code(secret)), Code::unauthenticated) << "a code is good once";
  EXPECT_EQ(co_await bench.code_of(second, recovery[0]), Code::internal);
  const std::string third = co_await bench.ticket();
  EXPECT_EQ(co_await bench.code_of(third, recovery[0]), Code::unauthenticated) << "a recovery code is good once";
  EXPECT_EQ((co_await bench.accounts.account(who.principal))->recovery_codes, 9);
  for (int i = 0; i < 10; ++i) (void)co_await bench.code_of(third, "123456");
  EXPECT_EQ(co_await bench.code_of(third, recovery[1]), Code::resource_exhausted) << "guessing closes it";
  EXPECT_EQ((co_await bench.accounts.remove_second_factor(who.principal, "123456")).error().code,
            Code::resource_exhausted);
  co_await bench.accounts.stop();
}
TEST(Accounts, ASecondFactorIsAskedForAndNotReplayed) { play(second_factor); }

Task<void> care(World& world) {
  Bench bench(world);
  const SignInAccount who = co_await bench.make();
  EXPECT_EQ(co_await bench.change(who.principal, "wrong", kOther), Code::permission_denied);
  EXPECT_EQ(co_await bench.change(who.principal, "", kOther), Code::permission_denied);
  EXPECT_EQ(co_await bench.change(who.principal, kPassword, "password123"), Code::invalid_argument);
  EXPECT_EQ(co_await bench.change(who.principal, kPassword, "ada-lovelace-1"), Code::invalid_argument)
      << "one's own name";
  EXPECT_EQ(co_await bench.change(who.principal, kPassword, kOther), Code::internal);
  EXPECT_EQ((co_await bench.refused(kEmail, kPassword)).code, Code::unauthenticated);
  EXPECT_TRUE((co_await bench.accounts.by_password("192.0.2.1", kEmail, kOther)).ok());
  EXPECT_FALSE(co_await bench.accounts.change_email(who.principal, "wrong", "b@example.org"));
  EXPECT_TRUE(co_await bench.accounts.change_email(who.principal, kOther, "B@example.org"));
  const auto account = co_await bench.accounts.account(who.principal);
  EXPECT_EQ(account->user.email, "b@example.org");
  EXPECT_FALSE(account->email_verified_at.has_value());
  // Somebody who came by a link has no password to ask for.
  EXPECT_TRUE(co_await bench.accounts.change_password(world.owner, "", kOther));
  EXPECT_FALSE(co_await bench.accounts.change_password(world.owner, "", kPassword));
  co_await bench.accounts.stop();
}
TEST(Accounts, ChangesAskForTheCurrentPassword) { play(care); }

Task<void> mailed(World& world) {
  Bench bench(world);
  const SignInAccount who = co_await bench.make(kEmail, false);
  EXPECT_EQ(co_await bench.mail(kEmail, TokenPurpose::verify_email), 1U);
  EXPECT_EQ(bench.outbox.sent.back().to, kEmail);
  EXPECT_THAT(bench.outbox.sent.back().text, testing::HasSubstr("https://bird.example/verify-email#token="));
  EXPECT_TRUE(co_await bench.accounts.verify_email(bench.outbox.last_token()));
  EXPECT_FALSE(co_await bench.accounts.verify_email(bench.outbox.last_token()));
  EXPECT_TRUE((co_await bench.accounts.account(who.principal))->email_verified_at.has_value());
  EXPECT_EQ(co_await bench.mail(kEmail, TokenPurpose::reset_password), 2U);
  const std::string reset = bench.outbox.last_token();
  EXPECT_FALSE((co_await bench.accounts.by_mailed_link(reset)).ok()) << "another purpose";
  EXPECT_EQ((co_await bench.accounts.reset_password(reset, "short")).error().code, Code::invalid_argument);
  EXPECT_TRUE(co_await bench.accounts.reset_password(reset, kOther)) << "a refused password did not use it up";
  EXPECT_FALSE(co_await bench.accounts.reset_password(reset, kPassword));
  EXPECT_EQ(co_await bench.mail(kEmail, TokenPurpose::sign_in), 3U);
  EXPECT_TRUE((co_await bench.accounts.by_mailed_link(bench.outbox.last_token())).ok());
  EXPECT_TRUE(co_await bench.accounts.mail_link("192.0.2.1", kEmail, TokenPurpose::sign_in));
  EXPECT_EQ((co_await bench.accounts.mail_link("192.0.2.1", kEmail, TokenPurpose::sign_in)).error().code,
            Code::resource_exhausted)
      << "nobody's mailbox is flooded";
  // Nothing tells that there is no such account, and nothing is sent.
  EXPECT_TRUE(co_await bench.accounts.mail_link("192.0.2.1", "nobody@example.org", TokenPurpose::sign_in));
  co_await bench.accounts.stop();
  for (const MailMessage& message : bench.outbox.sent) EXPECT_EQ(message.to, kEmail);
  bench.outbox.works = false;
  EXPECT_EQ((co_await bench.accounts.mail_link("192.0.2.1", kEmail, TokenPurpose::sign_in)).error().code,
            Code::failed_precondition);
}
TEST(Accounts, MailedLinksWorkOnceForTheirPurpose) { play(mailed); }

Task<Status> known_invitation(std::string token_hash) {
  if (token_hash == sha256_hex("token")) co_return Ok{};
  co_return make_error(Code::not_found, "unknown");
}
Task<Status> refused_invitation(std::string, std::string) {
  co_return make_error(Code::failed_precondition, "the workspace is full");
}

Task<void> sign_up(World& world) {
  Bench closed(world, {.registration = Registration::closed});
  Bench invited(world, {.registration = Registration::invitation});
  Bench open(world, {.registration = Registration::open, .public_url = "https://bird.example"});
  const auto try_at = [](Bench& bench, const char* email, const char* invitation) -> Task<Code> {
    const auto done = co_await bench.accounts.sign_up("192.0.2.1", email, kPassword, "Ada", invitation);
    co_return done ? Code::internal : done.error().code;
  };
  EXPECT_EQ(co_await try_at(closed, kEmail, "token"), Code::permission_denied);
  EXPECT_EQ(co_await try_at(invited, kEmail, ""), Code::permission_denied);
  EXPECT_EQ(co_await try_at(invited, kEmail, "token"), Code::not_found);
  EXPECT_FALSE(*co_await world.stores.accounts().find_by_email(kEmail)) << "no account without its invitation";
  Bench gated(world, {.registration = Registration::invitation,
                      .invitations = InvitationGate{known_invitation, refused_invitation}});
  EXPECT_EQ(co_await try_at(gated, kEmail, "unknown"), Code::not_found);
  EXPECT_EQ(co_await try_at(gated, kEmail, "token"), Code::failed_precondition) << "what accepting answers";
  EXPECT_FALSE(*co_await world.stores.accounts().find_by_email(kEmail)) << "nor one that could not join";
  EXPECT_EQ((co_await open.accounts.sign_up("192.0.2.1", kEmail, "password123", "Ada", "")).error().code,
            Code::invalid_argument);
  const auto made = co_await open.accounts.sign_up("192.0.2.1", kEmail, kPassword, "Ada", "");
  LB_CO_ASSERT(made.ok());
  EXPECT_FALSE(*made) << "the address is verified first";
  (void)co_await world.until([&] { return !open.outbox.sent.empty(); });
  const std::string token = open.outbox.last_token();
  EXPECT_EQ((co_await open.refused(kEmail, kPassword)).code, Code::permission_denied);
  EXPECT_EQ((co_await open.refused(kEmail, kOther)).code, Code::unauthenticated);
  EXPECT_TRUE(co_await open.accounts.verify_email(token));
  EXPECT_TRUE((co_await open.accounts.by_password("192.0.2.1", kEmail, kPassword)).ok());
  // Once more: the same answer, and a letter to whoever owns the address.
  const std::size_t letters = open.outbox.sent.size();
  const auto again = co_await open.accounts.sign_up("192.0.2.1", kEmail, kOther, "Eve", "");
  LB_CO_ASSERT(again.ok());
  EXPECT_FALSE(*again);
  (void)co_await world.until([&] { return open.outbox.sent.size() > letters; });
  EXPECT_EQ(open.outbox.sent.back().text.find("#token="), std::string::npos);
  EXPECT_EQ((co_await open.refused(kEmail, kOther)).code, Code::unauthenticated) << "the password is the old one";
  // A guessed invitation tells nothing about the addresses that are taken.
  EXPECT_EQ(co_await try_at(gated, kEmail, "unknown"), Code::not_found);
  EXPECT_EQ(co_await try_at(gated, kEmail, "token"), Code::already_exists);
  for (Bench* bench : {&closed, &invited, &gated, &open}) co_await bench->accounts.stop();
}
TEST(Accounts, SigningUpFollowsThePolicyAndTellsNothing) { play(sign_up); }

Task<void> tokens(World& world) {
  Bench bench(world);
  const SignInAccount who = co_await bench.make();
  Session session;
  session.id = world.ids.next();
  session.principal = who.principal;
  session.expires_at = bench.clock.unix_now() + 1'000'000;
  session.epoch = 3;
  const std::string key(32, 'k');
  const auto token = co_await bench.accounts.access_token(session, key);
  LB_CO_ASSERT(token.ok());
  const auto claims = verify_token(*token, key, bench.clock.unix_now() / 1000);
  LB_CO_ASSERT(claims.ok());
  EXPECT_EQ(claims->email, kEmail);
  EXPECT_EQ(claims->epoch, 3);
  EXPECT_EQ(claims->session_id, session.id);
  EXPECT_EQ(claims->workspaces.size(), 1U);
  EXPECT_EQ(claims->expires_at, session.expires_at / 1000) << "not longer than its session";
  co_await bench.accounts.stop();
}
TEST(Accounts, TokensSayWhoAndForHowLong) { play(tokens); }

Task<void> rehash(World& world) {
  Bench bench(world);
  PasswordHasher dear(world.random, PasswordHasher::kLeastCost + 1);
  Accounts accounts(world.loop, bench.clock, world.random, world.stores.accounts(), world.stores.audit(), bench.outbox,
                    dear, {});
  const SignInAccount who = co_await bench.make();
  EXPECT_TRUE((co_await accounts.by_password("", kEmail, kPassword)).ok());
  co_await accounts.stop();
  const auto after = co_await world.stores.accounts().get(who.account.user.id);
  EXPECT_EQ(after->password_hash.substr(0, 7), "$2b$05$");
  EXPECT_TRUE((co_await accounts.by_password("", kEmail, kPassword)).ok());
  co_await bench.accounts.stop();
}
TEST(Accounts, AHigherCostIsTakenOverAtTheNextSignIn) { play(rehash); }

}  // namespace
}  // namespace librebird::gateway
