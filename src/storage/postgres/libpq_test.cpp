#include "libpq.hpp"

#include <gtest/gtest.h>

namespace librebird::storage {
namespace {

TEST(Libpq, LoadsWhenItIsNeeded) {
  ASSERT_TRUE(load_libpq().ok());
  char* words = nullptr;
  PQconninfoOption* const options = PQconninfoParse("postgresql://[", &words);
  EXPECT_EQ(options, nullptr);
  EXPECT_NE(words, nullptr);
  PQfreemem(words);
}

TEST(Libpq, AMissingLibraryNamesThePackage) {
  const auto loaded = load_library("libpq-that-is-not-there.so.5");
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, Code::unavailable);
  EXPECT_NE(loaded.error().message.find("install the package libpq5"), std::string::npos);
}

}  // namespace
}  // namespace librebird::storage
