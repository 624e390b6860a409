// Moving an installation to another database: all of it, compared, and it goes on there.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Server, sqlite, tempDir } from './lib/harness.mjs';

const options = { timeout: 120_000 };

async function filled(t) {
  const server = await Server.start(t);
  const rest = await server.program();
  const { id } = await rest.conversation('Ein Gespräch 🐦');
  await rest.ask(id, 'remember the albatross');
  await rest.ask(id, 'what time is it?');
  const put = await server.cli(['secret', 'set', 'skill/x', 'token'], { input: 'planted-secret' });
  assert.equal(put.code, 0, put.all);
  return { server, rest, id };
}

const messages = async (rest, id) => (await rest.get(`/api/v1/conversations/${id}/messages`)).body;

test('everything moves, is compared, and goes on', options, async (t) => {
  const { server, rest, id } = await filled(t);
  const said = await messages(rest, id);
  const home = tempDir(t);
  const dataDir = path.join(home, 'data');
  fs.mkdirSync(dataDir, { mode: 0o700 });
  const to = path.join(dataDir, 'librebird.db');
  const busy = await server.cli(['migrate', '--to', to]);
  assert.equal(busy.code, 1, 'not while it is in use');
  assert.match(busy.stderr, /Another Libre Bird server works on/);
  assert.ok(!fs.existsSync(to));
  await server.stop();
  const moved = await server.cli(['migrate', '--to', to, '--json']);
  assert.equal(moved.code, 0, moved.all);
  const report = JSON.parse(moved.stdout);
  assert.equal(report.verified, true);
  for (const table of report.tables) {
    assert.equal(table.source_sha256, table.target_sha256, table.name);
    assert.equal(table.rows, table.copied, table.name);
  }
  assert.ok(report.tables.find((table) => table.name === 'audit_chain').rows > 0);

  fs.copyFileSync(path.join(server.dataDir, 'master.key'), path.join(dataDir, 'master.key'));
  const there = await Server.start(t, { home, dataDir });
  there.secret = server.secret; // the same key opens the same door
  const thereRest = await there.program();
  assert.deepEqual(await messages(thereRest, id), said);
  assert.equal((await thereRest.get('/api/v1/conversations?q=albatross')).body.items[0].id, id);
  assert.equal((await thereRest.ask(id, 'and now?')).turn.status, 'done');
  const verified = await there.cli(['audit', 'verify']);
  assert.equal(verified.code, 0, verified.all);
});

test('what is in the way is said, and nothing is lost', options, async (t) => {
  const { server } = await filled(t);
  await server.stop();
  const other = await Server.start(t);
  await other.program();
  await other.stop();
  const theirs = path.join(other.dataDir, 'librebird.db');
  const users = await sqlite(theirs, 'SELECT * FROM users');
  const refused = await server.cli(['migrate', '--to', theirs]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /holds another installation already/);
  assert.deepEqual(await sqlite(theirs, 'SELECT * FROM users'), users);
  const foreign = path.join(tempDir(t), 'foreign.db');
  await sqlite(foreign, 'CREATE TABLE a (b)');
  const wrong = await server.cli(['migrate', '--to', foreign]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /belongs to another program/);
  const nowhere = await server.cli(['migrate', '--to', '/nowhere/at/all.db']);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /error: .*\/nowhere\/at/);
  const itself = await server.cli(['migrate', '--to', path.join(server.dataDir, 'librebird.db')]);
  assert.equal(itself.code, 1, 'onto itself');
  assert.match(itself.stderr, /the same file/);
});
