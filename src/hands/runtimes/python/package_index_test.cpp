#include "package_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace librebird::python {
namespace {

using testing::ElementsAre;

Config::Environment nothing_but(std::map<std::string, std::string> values) {
  values.try_emplace("PIP_CONFIG_FILE", "/dev/null");
  return [values](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(std::string(name));
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(PackageIndex, ReadsPipsSettings) {
  EXPECT_EQ(index_of_pip_settings(""), "");
  EXPECT_EQ(index_of_pip_settings("[global]\nindex-url = https://a/simple\r\n"), "https://a/simple");
  EXPECT_EQ(index_of_pip_settings("# x\n[install]\nindex_url:https://b\n[global]\nindex-url=https://a"), "https://b");
  EXPECT_EQ(index_of_pip_settings("[list]\nindex-url=https://a\nindex-url\n[global]\nextra-index-url=https://c"), "");
}

TEST(PackageIndex, IsTheConfiguredOneOrPipsOrThePublicOne) {
  EXPECT_EQ(find_package_index("", {}, nothing_but({}))->url, "https://pypi.org/simple");
  EXPECT_THAT(find_package_index("", {}, nothing_but({}))->hosts, ElementsAre("pypi.org", "files.pythonhosted.org"));
  const auto own = nothing_but({{"PIP_INDEX_URL", "https://mirror.example:8443/simple"}});
  EXPECT_THAT(find_package_index("", {"files.example"}, own)->hosts,
              ElementsAre("files.example", "mirror.example:8443"));
  EXPECT_EQ(find_package_index("http://[::1]:9/simple", {}, own)->url, "http://[::1]:9/simple");
  EXPECT_THAT(find_package_index("http://127.0.0.1:9/simple", {}, own)->hosts, ElementsAre("http://127.0.0.1:9"));
}

TEST(PackageIndex, RefusesWhatIsNoneAndWhatHoldsAPassword) {
  for (const char* url : {"nonsense", "file:///srv/simple", "ftp://a/simple", "https://", "--index"}) {
    EXPECT_FALSE(find_package_index(url, {}, nothing_but({})).ok()) << url;
  }
  const auto secret = find_package_index("https://me:key@a/simple", {}, nothing_but({}));
  ASSERT_FALSE(secret.ok());
  EXPECT_EQ(secret.error().message.find("key"), std::string::npos);
}

}  // namespace
}  // namespace librebird::python
