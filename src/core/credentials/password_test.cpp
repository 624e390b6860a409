#include <librebird/core/credentials/password.hpp>

#include <librebird/base/async/scope.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace librebird {
namespace {

const std::vector<std::string> kPersonal{"margarethe.huber@example.org", "Margarethe Huber", "librebird"};

TEST(PasswordRules, GoodOnesAreTaken) {
  for (const char* good : {"kelp-wagon-Tuxedo", "x9#mQ2!vLp", "MyDog-Rex-2019", "zwölf Boxkämpfer",
                           "correct horse umbrella", "ünïcödé-løve", "パスワードは長いです、とても"}) {
    EXPECT_TRUE(check_new_password(good, kPersonal).ok()) << good;
  }
}

TEST(PasswordRules, WhatIsGuessedFirstIsRefused) {
  for (const char* bad : {"password123",
                          "P@ssw0rd2026!",
                          "passwordpassword",
                          "aaaaaaaaaa",
                          "1234567890",
                          "0987654321",
                          "qwertyuiop",
                          "qwertz12345",
                          "asdfghjkl1",
                          "letmein2024!",
                          "Librebird2026!",
                          "margarethe1",
                          "Huber-Huber-1",
                          "Example.example",
                          "iloveyou1995",
                          "abcabcabc1",
                          "Summer2026!",
                          "adminadmin1",
                          "correcthorsebatterystaple",
                          "trustno1trustno1"}) {
    const auto checked = check_new_password(bad, kPersonal);
    ASSERT_FALSE(checked.ok()) << bad;
    EXPECT_EQ(checked.error().code, Code::invalid_argument);
    EXPECT_EQ(checked.error().message.find(bad), std::string::npos) << "no password in messages";
  }
}

TEST(PasswordRules, LengthIsInCharactersBelowAndBytesAbove) {
  EXPECT_FALSE(check_new_password("x9#mQ2!vL", {}).ok());
  EXPECT_FALSE(check_new_password("äöüßéèçñå", {}).ok());
  const std::string long_one = "kelp-wagon-Tuxedo-kelp-wagon-Tuxedo-kelp-wagon-Tuxedo-kelp-wagon-Tuxedo!";
  ASSERT_EQ(long_one.size(), 72U);
  EXPECT_TRUE(check_new_password(long_one, {}).ok());
  EXPECT_FALSE(check_new_password(long_one + "x", {}).ok());
  EXPECT_FALSE(check_new_password("\xff\xfe-wagon-Tuxedo", {}).ok());
  EXPECT_FALSE(normal_password(std::string("kelp\0wagon-Tuxedo", 17)).ok());
}

TEST(PasswordRules, TheSameLettersAreTheSamePassword) {
  EXPECT_EQ(normal_password("cafe\xcc\x81").value(), normal_password("caf\xc3\xa9").value());
  EXPECT_NE(normal_password("Caf\xc3\xa9").value(), normal_password("caf\xc3\xa9").value());
}

class Hashing : public testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    Scope scope(loop_.executor());
    scope.spawn(keep(std::move(task), out, loop_), "test");
    loop_.run();
    loop_.context().restart();
    loop_.poll();
    return *std::move(out);
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out, Loop& loop) {
    out.emplace(co_await std::move(task));
    loop.stop();
  }
  static Task<void> count(PasswordHasher& hasher, int& taken, int& refused, int& left, Loop& loop) {
    const auto done = co_await hasher.verify("any", "");
    ++(done ? taken : refused);
    if (!done) {
      EXPECT_EQ(done.error().code, Code::resource_exhausted);
      EXPECT_GT(done.error().retry_after.count(), 0);
    }
    if (--left == 0) loop.stop();
  }

  SystemRandom random_;
  Loop loop_;
};

TEST_F(Hashing, KnowsItsOwnAndOthers) {
  PasswordHasher hasher(random_, PasswordHasher::kLeastCost);
  const std::string stored = run(hasher.hash("kelp-wagon-Tuxedo")).value();
  EXPECT_EQ(stored.substr(0, 7), "$2b$04$");
  EXPECT_NE(run(hasher.hash("kelp-wagon-Tuxedo")).value(), stored) << "a salt of its own";
  EXPECT_TRUE(run(hasher.verify("kelp-wagon-Tuxedo", stored)).value());
  for (const char* wrong : {"", "kelp-wagon-tuxedo", "kelp-wagon-Tuxedo ", "kelp-wagon-Tuxed"}) {
    EXPECT_FALSE(run(hasher.verify(wrong, stored)).value()) << wrong;
  }
  EXPECT_FALSE(hasher.outdated(stored));
  EXPECT_TRUE(PasswordHasher(random_, 5).outdated(stored));
  EXPECT_TRUE(PasswordHasher(random_, 5).outdated("$2a$05$abcdefghijklmnopqrstuv"));
  // A hash of the published test vectors, made by another implementation.
  EXPECT_TRUE(run(hasher.verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")).value());
}

TEST_F(Hashing, NobodysPasswordIsNeverRight) {
  PasswordHasher hasher(random_, PasswordHasher::kLeastCost);
  for (const char* word : {"", "any", "LibreBirdKnowsNobody.."}) EXPECT_FALSE(run(hasher.verify(word, "")).value());
  EXPECT_FALSE(run(hasher.verify("any", "no hash")).value());
}

TEST_F(Hashing, ACrowdIsRefusedBeyondTheQueue) {
  PasswordHasher hasher(random_, 8);
  int taken = 0;
  int refused = 0;
  int left = 2'000;
  Scope scope(loop_.executor());
  for (int i = 0; i < 2'000; ++i) scope.spawn(count(hasher, taken, refused, left, loop_), "attempt");
  loop_.run();
  loop_.context().restart();
  loop_.poll();
  EXPECT_GE(taken, 32);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(taken + refused, 2'000);
}

}  // namespace
}  // namespace librebird
