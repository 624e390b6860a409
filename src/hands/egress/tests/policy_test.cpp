// Hosts in every notation somebody may try.

#include <librebird/hands/egress/policy.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::egress {
namespace {

using testing::HasSubstr;

HostPolicy policy_of(std::vector<std::string> tool, std::optional<std::vector<std::string>> workspace = std::nullopt) {
  HostPolicy policy;
  policy.tool = HostList::parse(tool).value();
  if (workspace) policy.workspace = HostList::parse(*workspace).value();
  return policy;
}

bool may(const HostPolicy& policy, std::string_view url) {
  const auto target = parse_target(url);
  return target.ok() && policy.check(*target).ok();
}

TEST(EgressPolicy, SchemesAndPortsAreAsNamed) {
  EXPECT_TRUE(may(policy_of({"http://a.example"}), "http://a.example/"));
  EXPECT_FALSE(may(policy_of({"http://a.example"}), "https://a.example/"));
  EXPECT_FALSE(may(policy_of({"a.example"}), "http://a.example/"));
  EXPECT_TRUE(may(policy_of({"https://a.example"}), "https://a.example/"));
  EXPECT_TRUE(may(policy_of({"a.example:8443"}), "https://a.example:8443/"));
  EXPECT_FALSE(may(policy_of({"a.example:8443"}), "https://a.example/"));
  EXPECT_TRUE(may(policy_of({"A.Example"}), "HTTPS://a.EXAMPLE:443/"));
  EXPECT_FALSE(may(policy_of({}), "https://a.example/"));
  EXPECT_TRUE(may(policy_of({"[2606:4700::1]"}), "https://[2606:4700:0:0::0001]/"));
  EXPECT_TRUE(may(policy_of({"93.184.216.34"}), "https://93.184.216.34/"));
}

TEST(EgressPolicy, SuffixesCoverWhatIsBelowThem) {
  const HostPolicy policy = policy_of({"*.example.com"});
  EXPECT_TRUE(may(policy, "https://a.example.com/"));
  EXPECT_TRUE(may(policy, "https://a.b.example.com/"));
  for (const char* url : {"https://example.com/", "https://evilexample.com/", "https://a.example.com.evil.example/",
                          "https://a.example.com:444/", "https://.example.com/", "https://a.example.comx/"}) {
    EXPECT_FALSE(may(policy, url)) << url;
  }
}

TEST(EgressPolicy, AnyMeansPublicNames) {
  const HostPolicy policy = policy_of({"*", "http://*"});
  EXPECT_TRUE(may(policy, "https://wttr.in/x"));
  EXPECT_TRUE(may(policy, "http://wttr.in/x"));
  EXPECT_TRUE(may(policy, "https://xn--mnchen-3ya.example/"));
  for (const char* url : {"https://localhost/", "https://LOCALHOST/", "https://foo.localhost/", "https://router/",
                          "https://printer.local/", "https://metadata.google.internal/", "https://nas.home.arpa/",
                          "https://nas.lan/", "https://wttr.in:8443/", "https://127.0.0.1/", "https://93.184.216.34/",
                          "https://[::1]/", "https://[2606:4700::1]/"}) {
    EXPECT_FALSE(may(policy, url)) << url;
  }
}

TEST(EgressPolicy, AmbiguousNotationsAreRefusedWhateverIsListed) {
  for (const char* url :
       {// numbers for addresses: decimal, octal, hexadecimal, short, padded, with a dot at the end
        "https://2130706433/", "https://017700000001/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/",
        "https://127.0.1/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://127.0.0.1./", "https://1.2.3.4.5/",
        "https://0xA9FEA9FE/", "https://169.254.43518/", "https://256.1.1.1/", "https://1.1.1.0x1/", "https://a.0x7f/",
        "https://0x/", "https://wttr.in.0/",
        // IPv6
        "https://[::ffff:127.0.0.1]x/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::1/",
        "https://::1/", "https://[127.0.0.1]/", "https://[v1.x]/", "https://[]/",
        // user info and other things that move the host
        "https://wttr.in@evil.example/", "https://user:pass@wttr.in/", "https://wttr.in:80@evil.example/",
        "https://wttr.in\\@evil.example/", "https://evil.example\\.wttr.in/", "https://wttr.in#@evil.example/",
        "https://wttr.in%2eevil.example/", "https://%77ttr.in/", "https://wttr%00.in/", "https://wttr.in./",
        "https://wttr..in/", "https://.wttr.in/", "https:///wttr.in/", "https:/wttr.in/", "https:wttr.in/",
        "//wttr.in/", "https://", "https://wttr.in:/", "https://wttr.in:+443/", "https://wttr.in:443:443/",
        "https://wttr.in:00443000/", "https://wttr.in:-1/",
        // letters that look or fold alike
        "https://\xef\xbd\x97ttr.in/", "https://wttr\xe3\x80\x82in/", "https://wttr.\xc4\xb1n/",
        "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa7.0.0.1/",
        // other schemes
        "ftp://wttr.in/", "file:///etc/passwd", "gopher://wttr.in/", "javascript:alert(1)", "ws://wttr.in/",
        "unix:///x",
        // and what breaks lines
        "https://wttr.in/\r\nHost: evil", "https://wttr.in/a b", "https://wttr.in/\t", "https://wttr.in/#fragment"}) {
    EXPECT_FALSE(parse_target(url).ok()) << url;
  }
  const std::string zero("https://wttr.in/\0", 17);
  EXPECT_FALSE(parse_target(zero).ok());
  EXPECT_FALSE(parse_target("https://" + std::string(300, 'a') + ".example/").ok());
  EXPECT_FALSE(parse_target("https://a.example/" + std::string(20'000, 'a')).ok());
}

TEST(EgressPolicy, AddressesArePassedOnInOneNotation) {
  // Whether they are public is decided where the connection is made.
  EXPECT_EQ(parse_target("https://[0:0:0:0:0:ffff:7f00:1]/")->host, "::ffff:127.0.0.1");
  EXPECT_EQ(parse_target("https://[::FFFF:A9FE:A9FE]/x")->url(), "https://[::ffff:169.254.169.254]/x");
}

TEST(EgressPolicy, PathsAreEscapedNotInterpreted) {
  EXPECT_EQ(parse_target("https://a.example?q=1")->url(), "https://a.example/?q=1");
  EXPECT_EQ(parse_target("https://a.example/100%/\"[x]?a[]={b}|%zz&c=%41")->url(),
            "https://a.example/100%25/%22%5Bx%5D?a[]=%7Bb%7D%7C%25zz&c=%41");
  EXPECT_EQ(parse_target("http://a.example:443/")->url(), "http://a.example:443/");
  EXPECT_EQ(parse_target("https://a.example/../..//x")->url(), "https://a.example/../..//x");
}

TEST(EgressPolicy, TheWorkspaceBoundsTheToolAndInspectionWins) {
  const HostPolicy both = policy_of({"*"}, {{"a.example"}});
  EXPECT_TRUE(may(both, "https://a.example/"));
  const auto refused = both.check(*parse_target("https://b.example/"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(
      refused.error().message,
      "The host b.example is not among the hosts that the workspace allows (a.example); \"b.example\" there would "
      "allow it.");
  EXPECT_FALSE(may(policy_of({"b.example"}, {{"a.example"}}), "https://a.example/"));
  EXPECT_FALSE(may(policy_of({"*"}, {std::vector<std::string>{}}), "https://a.example/"));

  using Match = HostList::Match;
  EXPECT_EQ(policy_of({"tunnel:a.example:993"}).check_connect("a.example", 993).value(), Match::tunnel);
  EXPECT_FALSE(policy_of({"tunnel:a.example:993"}).check_connect("a.example", 443).ok());
  EXPECT_EQ(policy_of({"tunnel:a.example"}, {{"*"}}).check_connect("a.example", 443).value(), Match::inspected);
  EXPECT_EQ(policy_of({"tunnel:a.example"}, {{"tunnel:*"}}).check_connect("a.example", 443).value(), Match::tunnel);
  EXPECT_EQ(policy_of({"a.example"}, {{"tunnel:*"}}).check_connect("a.example", 443).value(), Match::inspected);
  EXPECT_TRUE(may(policy_of({"tunnel:a.example"}), "https://a.example/"));
  EXPECT_FALSE(may(policy_of({"tunnel:a.example"}), "http://a.example:443/"));
}

TEST(EgressPolicy, WrongEntriesAreNamed) {
  for (const char* entry : {"", "a b", "*x", "a.*", "*.*", "*.1.2.3", "http://", "tunnel:", "ftp://a.example",
                            "a.example/path", "a.example:0", "a.example:x", "a.example:70000", "user@a.example",
                            "2130706433", "[::1", "*.", "tunnel:http://a.example", "m\xc3\xbcnchen.example"}) {
    const auto parsed = HostList::parse({"good.example", entry});
    ASSERT_FALSE(parsed.ok()) << entry;
    EXPECT_EQ(parsed.error().code, Code::invalid_argument);
    EXPECT_THAT(parsed.error().message, HasSubstr("The host entry \"")) << entry;
  }
}

}  // namespace
}  // namespace librebird::egress
