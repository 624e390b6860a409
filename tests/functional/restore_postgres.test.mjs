// Restore into a database on a server, in one step: all of it or nothing, whenever it is killed, and nothing unasked.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Process, Server, cli, tempDir } from './lib/harness.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { until } from './lib/poll.mjs';
import { Postgres, programs } from './lib/postgres.mjs';

const options = { timeout: 240_000, skip: programs() ? false : 'no PostgreSQL server is installed' };

async function ok(promise) {
  const result = await promise;
  assert.equal(result.code, 0, result.all);
  return result;
}
async function refuses(promise, pattern) {
  const result = await promise;
  assert.equal(result.code, 1, result.all);
  assert.match(result.stderr, pattern, result.all);
  return result;
}

/** A server on PostgreSQL that was used, and a backup of it with its key. */
async function saved(t) {
  const postgres = await Postgres.start(t);
  const model = await ModelServer.start(t);
  model.on('', (request) => `answer to ${request.lastUser}`);
  const shared = { ...model.env(), DATABASE_URL: postgres.url };
  const server = await Server.start(t, { env: shared });
  const rest = await server.program();
  const conversation = await rest.conversation('kept');
  await rest.ask(conversation.id, 'hello there');
  const [user, workspace] = postgres.sql('SELECT user_id, workspace_id FROM workspace_members LIMIT 1', 'libre').split('|');
  postgres.sql(`INSERT INTO tasks (id, workspace_id, user_id, title, status, created_at)
    SELECT gen_random_uuid(), '${workspace}', '${user}', repeat('x', 500) || n, 'todo', n FROM generate_series(1, 30000) n`, 'libre');
  postgres.sql(`INSERT INTO memory_embeddings (id, workspace_id, user_id, source_type, source_id, position, content,
    embedding, model, metadata, created_at) SELECT gen_random_uuid(), '${workspace}', '${user}', 'document', 'd', n, 'text',
    (SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, 384) k WHERE k + n > 0), 'mini', '{}', 1 FROM generate_series(1, 50) n`,
    'libre');
  const out = tempDir(t);
  const file = path.join(out, 'all.tar.gz');
  await ok(server.cli(['backup', file, '--with-key']));
  const fresh = (name) => {
    postgres.sql(`CREATE DATABASE ${name} OWNER libre`);
    return postgres.urlOf(name, 'libre');
  };
  return { postgres, server, shared, conversation, out, file, fresh };
}

// Every row of the tables that matter, in one hash.
const digest = (postgres, database) => ['users', 'messages', 'turns', 'tasks', 'audit_chain', 'memory_embeddings', 'master_key']
  .map((table) => postgres.sql(`SELECT md5(COALESCE(string_agg(md5(r::TEXT), '' ORDER BY md5(r::TEXT)), '')) FROM ${table} r`, database))
  .join(' ');
const rows = (postgres, database, table) => Number(postgres.sql(`SELECT COUNT(*) FROM ${table}`, database));

test('one command makes the data folder and fills the database', options, async (t) => {
  const { postgres, server, shared, conversation, out, file, fresh } = await saved(t);
  await server.stop();
  const dataDir = path.join(out, 'new');
  const env = { ...shared, DATABASE_URL: fresh('second') };
  const done = await ok(cli(['restore', file, '--data-dir', dataDir], { env }));
  assert.match(done.stdout, /the database on its server, where every row was compared/);
  assert.equal(digest(postgres, 'second'), digest(postgres, 'libre'));
  assert.deepEqual(fs.readdirSync(dataDir).filter((name) => name.startsWith('librebird.db')), []);
  await ok(cli(['verify', '--data-dir', dataDir], { env }));

  const again = await Server.start(t, { dataDir, env });
  again.secret = server.secret;
  const rest = await again.program();
  assert.equal((await rest.messages(conversation.id)).at(-1).content, 'answer to hello there');
  assert.equal((await rest.get('/api/v1/conversations?query=hello')).body.items.length, 1, 'it can be searched');
  await rest.ask(conversation.id, 'and it goes on');
});

test('what is there is not touched, unless that is said', options, async (t) => {
  const { postgres, server, shared, out, file, fresh } = await saved(t);
  const env = { ...shared, DATABASE_URL: fresh('second') };
  const other = await Server.start(t, { env });
  await (await other.program()).conversation('of somebody else');
  const before = digest(postgres, 'second');
  const into = (name, ...more) => cli(['restore', file, '--data-dir', path.join(out, name), ...more], { env });
  await refuses(into('a'), /holds something else than the backup.*--replace-database/s);
  assert.ok(!fs.existsSync(path.join(out, 'a')), 'the folder neither');
  await refuses(into('a', '--replace-database'), /Servers of Libre Bird are connected.*stop them first/s);
  assert.equal(digest(postgres, 'second'), before);
  await other.stop();
  await ok(into('a', '--replace-database'));
  assert.equal(digest(postgres, 'second'), digest(postgres, 'libre'));
  await ok(into('b'));  // the same once more: as after a kill between the two
  // One row more, and it is another database.
  postgres.sql("DELETE FROM tasks WHERE created_at = 7", 'second');
  postgres.sql("UPDATE tasks SET title = 'changed' WHERE created_at = 8", 'second');
  await refuses(into('c'), /holds something else than the backup/);
  assert.equal(rows(postgres, 'second', 'tasks'), 29_999, 'and nothing was added to it');

  postgres.sql("INSERT INTO schema_version (version, name, applied_at) VALUES (9999, 'future', 1)", 'second');
  await refuses(into('c', '--replace-database'), /written by a newer Libre Bird/);
  postgres.sql('CREATE DATABASE foreign_one OWNER libre');
  postgres.sql('CREATE TABLE theirs (x INT)', 'foreign_one');
  await refuses(cli(['restore', file, '--data-dir', path.join(out, 'c')], {
    env: { ...shared, DATABASE_URL: postgres.urlOf('foreign_one', 'libre') } }), /belongs to another program/);
  await refuses(cli(['restore', file, '--data-dir', path.join(out, 'c'), '--replace-database'],
    { env: { ...shared, DATABASE_URL: '' } }), /is for a database on a server/);
  assert.ok(!fs.existsSync(path.join(out, 'c')));
  await server.stop();
});

test('killed at any moment, the database is as it was, and the next attempt works', options, async (t) => {
  const { postgres, server, shared, out, file, fresh } = await saved(t);
  await server.stop();
  const env = { ...shared, DATABASE_URL: fresh('second') };
  const dataDir = path.join(out, 'new');
  const writing = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'second' AND backend_xid IS NOT NULL";
  const busy = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'second'";
  const size = () => Number(postgres.sql("SELECT COALESCE(pg_relation_size(to_regclass('tasks')), 0)", 'second'));
  for (const enough of [1, 1 << 20, 8 << 20]) {
    const running = new Process(['restore', file, '--data-dir', dataDir], { env, home: out });
    await until(() => `rows to be written; ${running.describe()}`,
      () => postgres.sql(writing) === '1' && size() >= enough);
    await running.kill();
    await until('the session to end', () => postgres.sql(busy) === '0');
    assert.equal(rows(postgres, 'second', 'users'), 0);
    assert.equal(rows(postgres, 'second', 'tasks'), 0);
    assert.ok(!fs.existsSync(dataDir));
  }
  // And the database in the middle of it: said, and nothing kept.
  const running = new Process(['restore', file, '--data-dir', dataDir], { env, home: out });
  await until(() => `rows to be written; ${running.describe()}`, () => postgres.sql(writing) === '1');
  await postgres.kill();
  assert.equal((await running.closed).code, 1, running.describe());
  assert.ok(!fs.existsSync(dataDir));
  await postgres.start();
  assert.equal(rows(postgres, 'second', 'users'), 0);

  await ok(cli(['restore', file, '--data-dir', dataDir], { env, home: out }));
  assert.equal(digest(postgres, 'second'), digest(postgres, 'libre'));
});
