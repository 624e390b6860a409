#include <librebird/core/credentials/totp.hpp>

#include <gtest/gtest.h>

#include <set>

namespace librebird {
namespace {

const std::string kSecret = "12345678901234567890";  // of RFC 6238

TEST(Totp, CodesAreThoseOfTheStandard) {
  const std::pair<std::int64_t, const char*> vectors[] = {{59, "287082"},         {1111111109, "081804"},
                                                          {1111111111, "050471"}, {1234567890, "005924"},
                                                          {2000000000, "279037"}, {20000000000, "353130"}};
  for (const auto& [seconds, code] : vectors) EXPECT_EQ(totp_code(kSecret, seconds / 30), code) << seconds;
}

TEST(Totp, TakesOneStepToEitherSide) {
  const UnixMillis now = 1'111'111'111'000;
  const std::int64_t present = now / 30'000;
  for (const std::int64_t step : {present - 1, present, present + 1}) {
    EXPECT_EQ(totp_step(kSecret, totp_code(kSecret, step), now), step);
  }
  for (const std::int64_t step : {present - 2, present + 2}) {
    EXPECT_EQ(totp_step(kSecret, totp_code(kSecret, step), now), std::nullopt);
  }
  for (const char* bad : {"", "0", "05047", "0504711", "050471 ", "-50471", "abcdef"}) {
    EXPECT_EQ(totp_step(kSecret, bad, now), std::nullopt) << bad;
  }
}

TEST(Totp, SecretsAreWrittenAsAppsReadThem) {
  EXPECT_EQ(base32(""), "");
  EXPECT_EQ(base32("f"), "MY");
  EXPECT_EQ(base32("foobar"), "MZXW6YTBOI");
  EXPECT_EQ(totp_uri("Libre Bird", "a@b.c", "foobar"),
            "otpauth://totp/Libre%20Bird:a%40b.c?secret=MZXW6YTBOI&issuer=Libre%20Bird&algorithm=SHA1&digits=6&period="
            "30");
  SystemRandom random;
  EXPECT_EQ(new_totp_secret(random).size(), 20U);
}

TEST(RecoveryCodes, AreReadHoweverTheyAreTyped) {
  SystemRandom random;
  const auto codes = new_recovery_codes(random);
  EXPECT_EQ(std::set<std::string>(codes.begin(), codes.end()).size(), 10U);
  std::string typed = codes[0];
  EXPECT_EQ(typed.size(), 19U);
  const std::string hash = recovery_hash(typed);
  EXPECT_EQ(hash.size(), 64U);
  for (char& c : typed) c = c == '-' ? ' ' : static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  EXPECT_EQ(recovery_hash(typed), hash);
  EXPECT_NE(recovery_hash(codes[1]), hash);
  for (const char* bad : {"", "123456", "ABCD-ABCD-ABCD-ABC", "ABCD-ABCD-ABCD-ABCDA", "ABCD-ABCD-ABCD-ABC1"}) {
    EXPECT_EQ(recovery_hash(bad), "") << bad;
  }
}

}  // namespace
}  // namespace librebird
