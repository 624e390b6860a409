#include "postgres_schema.hpp"

#include "postgres_connection.hpp"
#include "postgres_error.hpp"

#include <librebird/storage/sql/migrator.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace librebird::storage {
namespace {

constexpr int kOldestVersion = 150'000;
constexpr Millis kMigrationTime{600'000};

std::int64_t number(const Row& row) { return row.integer(0); }
std::string text(const Row& row) { return row.string(0); }

// Our tables, and whether anybody else's are there.
struct Tables {
  bool ours = false;
  bool others = false;
};

Result<Tables> look(PostgresConnection& connection) {
  LB_TRY(ours, connection.one("SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = "
                              "'schema_version'",
                              number));
  LB_TRY(all, connection.one("SELECT COUNT(*) FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace "
                             "AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = "
                             "c.oid AND d.deptype = 'e')",
                             number));
  return Tables{ours.value_or(0) > 0, all.value_or(0) > ours.value_or(0)};
}

Error no_powers(const std::string& name, const Error& error) {
  if (error.code != Code::permission_denied) return error;
  return make_error(Code::failed_precondition,
                    fmt::format("The schema of {} cannot be made or changed: {} Set DATABASE_MIGRATION_URL to a login "
                                "that owns the database and may create roles, or start once as such a login "
                                "(docs/databases.md).",
                                name, error.message));
}

// Whether the schema is up to date already; then nobody needs the powers to change it.
enum class Schema { missing, older, current };
Result<Schema> look_at_schema(const PostgresOptions& options) {
  LB_TRY(connection, PostgresConnection::open(options.url, options.patience, options.statement_timeout));
  if (connection->server_version() < kOldestVersion) {
    return {Code::failed_precondition, fmt::format("The database {} is PostgreSQL {}: Libre Bird needs 15 or newer.",
                                                   connection->name(), connection->server_version() / 10'000)};
  }
  LB_TRY(tables, look(*connection));
  if (!tables.ours) return Schema::missing;
  auto version = schema_version(*connection);
  if (!version) return no_powers(connection->name(), version.error());
  LB_CHECK(check_version(*version, connection->name()));
  return *version == newest_version(Dialect::postgres) ? Schema::current : Schema::older;
}

Status bring_up_to_date(const PostgresOptions& options, UnixMillis now, const PostgresDatabase::Steps& steps) {
  const std::string& url = options.migration_url.empty() ? options.url : options.migration_url;
  LB_TRY(connection, PostgresConnection::open(url, kMigrationTime, kMigrationTime));
  // alone() holds the lock of all service work: another replica waits here, and finds everything done.
  const Status done = connection->alone([&]() -> Status {
    LB_TRY(tables, look(*connection));
    if (!tables.ours && tables.others) {
      return {Code::failed_precondition,
              fmt::format("The database {} belongs to another program: name an empty one in DATABASE_URL.",
                          connection->name())};
    }
    return migrate(*connection, Dialect::postgres, connection->name(), now, steps.after_migration);
  });
  if (!done) return no_powers(connection->name(), done.error());
  return Ok{};
}

Status take_role(PostgresConnection& connection, std::string_view role) {
  const Status taken = connection.run_script(fmt::format("SET ROLE {}", role));
  if (taken || taken.error().code == Code::unavailable) return taken;
  return {Code::failed_precondition,
          fmt::format("The login of {} may not act as {}: run GRANT {}, {} TO that login as the database's owner "
                      "(docs/databases.md).",
                      connection.name(), role, kAppRole, kServiceRole)};
}

// How memory is searched by meaning, and how it would be quicker.
Result<std::string> vectors_of(PostgresConnection& connection) {
  LB_TRY(said, connection.one(
                   "SELECT CASE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = "
                   "'memory_embeddings'::REGCLASS AND attname = 'embedding' AND atttypid <> 'REAL[]'::REGTYPE) THEN "
                   "'pgvector ' || COALESCE((SELECT extversion FROM pg_extension WHERE extname = 'vector'), '') "
                   "WHEN EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN 'pgvector is not "
                   "in use, so that search by meaning compares every vector (run CREATE EXTENSION vector as a "
                   "superuser, SELECT librebird_use_pgvector() as the owner, and restart)' ELSE 'no pgvector, so "
                   "that search by meaning compares every vector (install the package postgresql-NN-pgvector; "
                   "docs/databases.md)' END",
                   text));
  return said.value_or("");
}

// A server on this machine works on the same processors: more connections than these only make them change between
// processes (docs/adr/0010-postgresql.md). Over a network they hide its round trips.
int connections_to(const PostgresConnection& server) {
  constexpr int kElsewhere = 4;
  return server.is_local() ? std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 8) : kElsewhere;
}

}  // namespace

Status prepare_schema(PostgresOptions& options, UnixMillis now, const PostgresDatabase::Steps& steps) {
  LB_TRY(schema, look_at_schema(options));
  if ((schema == Schema::older && !options.migrate) || (schema == Schema::missing && !options.create)) {
    LB_TRY(name, display_name(options.url));
    return {Code::failed_precondition,
            fmt::format("The database {} is {}, and was not changed: use the version of Libre Bird that wrote it.",
                        name, schema == Schema::missing ? "empty" : "of an older schema")};
  }
  if (schema != Schema::current) LB_CHECK(bring_up_to_date(options, now, steps));
  LB_TRY(connection, PostgresConnection::open(options.url, options.patience, options.statement_timeout));
  LB_CHECK(take_role(*connection, kAppRole));
  LB_CHECK(take_role(*connection, kServiceRole));
  if (steps.ready) LB_CHECK(steps.ready(*connection));
  if (options.connections == 0) options.connections = connections_to(*connection);
  return Ok{};
}

Status check_server(const PostgresOptions& options, std::string& note) {
  LB_TRY(connection, PostgresConnection::open(options.url, options.patience, options.statement_timeout));
  const std::string& name = connection->name();
  auto row = [](const Row& r) { return std::vector<std::string>{r.string(0), r.string(1), r.string(2)}; };
  LB_TRY(found, connection->one("SELECT current_setting('server_version'), current_setting('fsync'), "
                                "current_setting('full_page_writes')",
                                row));
  if (!found) return unreachable("it told nothing of itself", name);
  if ((*found)[1] != "on" || (*found)[2] != "on") {
    return {Code::failed_precondition,
            fmt::format("The database {} may lose what it has acknowledged (fsync is {}, full_page_writes is {}): turn "
                        "both on in postgresql.conf.",
                        name, (*found)[1], (*found)[2])};
  }
  LB_TRY(open, connection->one("SELECT COALESCE(string_agg(c.relname, ', '), '') FROM pg_class c WHERE c.relnamespace "
                               "= current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity "
                               "AND c.relforcerowsecurity) AND c.relname <> 'schema_version'",
                               text));
  if (open && !open->empty()) {
    return {Code::failed_precondition,
            fmt::format("Row-level security is not forced on {} in {}: run ALTER TABLE ... FORCE ROW LEVEL SECURITY.",
                        *open, name)};
  }
  LB_TRY(strong, connection->one("SELECT COALESCE(string_agg(rolname, ', '), '') FROM pg_roles WHERE rolname IN "
                                 "('librebird_app', 'librebird_service') AND (rolsuper OR rolbypassrls OR rolcanlogin)",
                                 text));
  if (strong && !strong->empty()) {
    return {Code::failed_precondition,
            fmt::format("The role {} of {} has powers it must not have: run ALTER ROLE ... NOSUPERUSER NOBYPASSRLS "
                        "NOLOGIN.",
                        *strong, name)};
  }
  LB_TRY(own, connection->one("SELECT rolsuper OR rolbypassrls OR rolcreaterole OR pg_catalog.pg_get_userbyid((SELECT "
                              "relowner FROM pg_class WHERE oid = 'users'::regclass)) = rolname FROM pg_roles WHERE "
                              "rolname = session_user",
                              number));
  LB_TRY(vectors, vectors_of(*connection));
  note = fmt::format("{}, PostgreSQL {}, {}{}", name, (*found)[0], vectors,
                     own.value_or(0) != 0 ? "; the login has more powers than serving needs (docs/databases.md)" : "");
  return Ok{};
}

}  // namespace librebird::storage
