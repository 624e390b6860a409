#pragma once

// Part of store_suite.hpp: identities of other providers that accounts are linked with.

namespace librebird::testkit {

TEST_P(AccountSuite, LinksAreSeenAndChangedByTheirOwnerOnly) {
  auto& links = set_->identity_links();
  const SignInAccount ada = make("ada@example.org");
  const SignInAccount eve = make("eve@example.org");
  const ExternalIdentity identity{"https://issuer.example", "ada", std::nullopt, false, "Ada"};
  ok(links.link(ada.principal, identity));
  ok(links.link(ada.principal, identity));
  const auto mine = ok(links.list(ada.principal));
  ASSERT_EQ(mine.size(), 1U);
  EXPECT_EQ(mine[0].issuer, "https://issuer.example");
  EXPECT_TRUE(ok(links.list(eve.principal)).empty());
  fails(Code::already_exists, links.link(eve.principal, identity));
  fails(Code::not_found, links.unlink(eve.principal, mine[0].id));
  EXPECT_EQ(ok(accounts().find_or_link(identity, false)).id, ada.account.user.id);
  ok(links.unlink(ada.principal, mine[0].id));
  fails(Code::not_found, links.unlink(ada.principal, mine[0].id));
  fails(Code::permission_denied, accounts().find_or_link(identity, false));
  EXPECT_EQ(audited(ada.principal, AuditKind::account, "external identity"), 2);
}

TEST_P(AccountSuite, TheLastLinkOfAnAccountWithoutAPasswordStays) {
  auto& links = set_->identity_links();
  const ExternalIdentity first{"https://issuer.example", "ada", std::nullopt, false, "Ada"};
  const User user = ok(accounts().find_or_link(first, true));
  const Principal ada = ok(accounts().get(user.id)).principal;
  const std::string id = ok(links.list(ada)).at(0).id;
  fails(Code::failed_precondition, links.unlink(ada, id));
  ok(links.link(ada, {"https://other.example", "ada", std::nullopt, false, "Ada"}));
  ok(links.unlink(ada, id));
  EXPECT_EQ(ok(links.list(ada)).at(0).issuer, "https://other.example");
  for (int i = 1; i < 20; ++i) {
    ok(links.link(ada, {"https://other.example", std::to_string(i), std::nullopt, false, ""}));
  }
  fails(Code::resource_exhausted, links.link(ada, {"https://other.example", "more", std::nullopt, false, ""}));
}

}  // namespace librebird::testkit
