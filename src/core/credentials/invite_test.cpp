#include <librebird/core/credentials/invite.hpp>

#include <gtest/gtest.h>

namespace librebird {
namespace {

TEST(Invite, KnowsWhatCanBeMailedTo) {
  for (const char* good : {"a@b.c", "kim.lee+x@mail.example.org", "ü@ö.example"}) EXPECT_TRUE(looks_like_email(good));
  for (const char* bad : {"", "@", "a@", "@b.c", "a@b", "a@.c", "a@b.", "a@@b.c", "a@b@c.d", "a b@c.d", "a@b.c\n",
                          "a@b.c\r\nBcc: x@y.z", "a\x7f@b.c"}) {
    EXPECT_FALSE(looks_like_email(bad)) << bad;
  }
  EXPECT_FALSE(looks_like_email(std::string(251, 'a') + "@b.c"));
}

TEST(Invite, TheTokenStandsInTheFragment) {
  EXPECT_EQ(invitation_link("http://h:1", "T"), "http://h:1/invitation#token=T");
}

}  // namespace
}  // namespace librebird
