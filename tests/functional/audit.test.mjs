// The audit log as an operator, an auditor and a thief with the database file see it.
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { atEnd } from './lib/at_end.mjs';
import { Cluster } from './lib/cluster.mjs';
import { Server, cli, silentPort, sqlite } from './lib/harness.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 180_000 };

async function calls(server, count) {
  for (let i = 0; i < count; i++) {
    const called = await server.cli(['tool', 'call', 'calculator', `{"expression":"${i}+1"}`]);
    assert.equal(called.code, 0, called.all);
  }
}

function tamper(server, sql) {
  return sqlite(path.join(server.dataDir, 'librebird.db'), sql);
}

async function problems(server, args = []) {
  const verified = await server.cli(['audit', 'verify', ...args]);
  assert.equal(verified.code, verified.stdout.includes('PROBLEM') ? 1 : 0, verified.all);
  return verified.stdout.split('\n').filter((line) => line.startsWith('PROBLEM'));
}

/** Verifies an export as docs/audit.md says, without our program. */
function verifiedByHand(text) {
  const netstring = (value) => `${Buffer.byteLength(String(value))}:${value},`;
  const fields = ('seq workspace_id prev_hash id kind call_id run user_id role credential_id conversation_id turn_id ' +
    'subject arguments_sha256 outcome detail duration_ms created_at').split(' ');
  let before;
  let rows = 0;
  for (const line of text.trim().split('\n').map((one) => JSON.parse(one))) {
    if (line.type === 'chain') before = line.pruned_hash;
    if (line.type === 'head') assert.equal(line.hash, before);
    if (line.type !== 'row') continue;
    const hashed = netstring('librebird-audit-v1') + fields.map((name) => netstring(line[name])).join('');
    assert.equal(line.prev_hash, before);
    assert.equal(line.hash, crypto.createHash('sha256').update(hashed).digest('hex'));
    before = line.hash;
    rows++;
  }
  return rows;
}

test('what happened is there, verifies while serving, and exports for others to verify', options, async (t) => {
  const server = await Server.start(t);
  await calls(server, 2);
  await server.cli(['tool', 'call', 'open_app', '{"name":"../evil"}']);
  assert.deepEqual(await problems(server), []);
  const [workspace] = await sqlite(path.join(server.dataDir, 'librebird.db'), 'SELECT id FROM workspaces');
  const rows = (await server.cli(['audit', 'list', '--json', '--workspace', workspace.id])).stdout.trim().split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(rows.slice(-4).map((row) => row.kind).reverse(),
    ['call_started', 'call_finished', 'call_started', 'call_finished']);
  assert.ok(rows.every((row) => !JSON.stringify(row).includes('expression')), 'no arguments');

  const exported = await server.cli(['audit', 'export']);
  assert.equal(exported.code, 0, exported.all);
  assert.equal(verifiedByHand(exported.stdout), rows.length);
  const file = path.join(server.home, 'log.jsonl');
  fs.writeFileSync(file, exported.stdout);
  assert.deepEqual(await problems(server, ['--file', file]), []);
  // On another machine, without the key: the chain still verifies, and the report says what was not checked.
  const elsewhere = await cli(['audit', 'verify', '--file', file, '--data-dir', path.join(server.home, 'none')],
    { home: server.home });
  assert.equal(elsewhere.code, 0, elsewhere.all);
  assert.match(elsewhere.stdout, /seal of its end was not checked/);

  const lines = exported.stdout.trim().split('\n');
  const spoil = async (name, change) => {
    const spoiled = change([...lines]);
    const forged = path.join(server.home, `${name}.jsonl`);
    fs.writeFileSync(forged, spoiled.join('\n') + '\n');
    return (await problems(server, ['--file', forged])).join('\n');
  };
  assert.match(await spoil('altered', (all) => all.map((line, i) => i === 2 ? line.replace('"ok"', '"error"') : line)),
    /row 2 .*altered/);
  assert.match(await spoil('removed', (all) => all.filter((_, i) => i !== 2)), /row 2 is missing/);
  assert.match(await spoil('cut', (all) => all.slice(0, -1)), /cut off/);
  assert.match(await spoil('tail', (all) => all.filter((_, i) => i !== all.length - 2)), /cut off/);
  assert.match(await spoil('swapped', (all) => [all[0], all[2], all[1], ...all.slice(3)]), /missing|second time/);
  assert.match(await spoil('garbage', () => ['not json', '{}', '[]', '\u0000']), /line 1 /);
  assert.match(await spoil('nothing', () => ['']), /line 1|no audit log/);
});

test('every way of tampering with the database is named', options, async (t) => {
  const server = await Server.start(t);
  await calls(server, 4);
  const clean = path.join(server.home, 'clean.db');
  const verified = await server.cli(['audit', 'verify']);
  const anchor = verified.stdout.match(/end (\d+:[0-9a-f]{64})/)[1];
  await server.stop();
  const database = path.join(server.dataDir, 'librebird.db');
  await sqlite(database, 'PRAGMA wal_checkpoint(TRUNCATE)');
  fs.copyFileSync(database, clean);
  const attack = async (sql) => {
    fs.copyFileSync(clean, database);
    for (const end of ['-wal', '-shm']) fs.rmSync(database + end, { force: true });
    assert.deepEqual(await problems(server), []);
    await tamper(server, sql);
    return (await problems(server)).join('\n');
  };
  assert.match(await attack("UPDATE audit_chain SET outcome = 'denied' WHERE seq = 3"), /row 3 \(call_started of calculator/);
  assert.match(await attack("UPDATE audit_chain SET detail = 'x' WHERE seq = 1"), /row 1 .*altered/);
  assert.match(await attack('DELETE FROM audit_chain WHERE seq = 5'), /row 5 is missing/);
  assert.match(await attack('DELETE FROM audit_chain WHERE seq >= 6'), /rows 6 to 8 were cut off/);
  assert.match(await attack('UPDATE audit_chain SET seq = -seq WHERE seq IN (3, 4); ' +
    'UPDATE audit_chain SET seq = CASE seq WHEN -3 THEN 4 ELSE 3 END WHERE seq < 0'), /written as row 4/);
  assert.match(await attack('DELETE FROM audit_chain WHERE seq >= 6; UPDATE audit_heads SET seq = 5, ' +
    'hash = (SELECT hash FROM audit_chain WHERE seq = 5)'), /seal of the chain's end does not hold/);
  assert.match(await attack('DELETE FROM audit_chain; DELETE FROM audit_heads'), /whole log was removed/);
  // An old copy is whole: only what was noted elsewhere tells.
  fs.copyFileSync(clean, database);
  await calls(server, 1);
  assert.deepEqual(await problems(server, ['--anchor', anchor]), []);
  const later = (await server.cli(['audit', 'verify'])).stdout.match(/end (\d+:[0-9a-f]{64})/)[1];
  fs.copyFileSync(clean, database);
  for (const end of ['-wal', '-shm']) fs.rmSync(database + end, { force: true });
  assert.deepEqual(await problems(server), []);
  assert.match((await problems(server, ['--anchor', later])).join(), /set back to an earlier state/);
  const nonsense = await server.cli(['audit', 'verify', '--anchor', 'nonsense']);
  assert.equal(nonsense.code, 1);
});

test('old rows go, and the rest verifies', options, async (t) => {
  const server = await Server.start(t);
  await calls(server, 3);
  await server.stop();
  // The clock cannot be moved from outside, so the rows are written as of long ago: a fresh database takes over an
  // older log with its times.
  const database = path.join(server.dataDir, 'librebird.db');
  const [owner] = await sqlite(database, 'SELECT user_id, workspace_id FROM workspace_members');
  for (const end of ['', '-wal', '-shm']) fs.rmSync(database + end, { force: true });
  fs.rmSync(path.join(server.dataDir, 'master.key'));
  const migrations = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
    '../../src/storage/migrations');
  const initial = fs.readFileSync(path.join(migrations, '0001_initial.sql'), 'utf8').replaceAll('<serial>', 'INTEGER PRIMARY KEY');
  const search = fs.readFileSync(path.join(migrations, '0002_search.sqlite.sql'), 'utf8');
  const row = (id, outcome, at) => `INSERT INTO audit_log VALUES ('${id}', 'call-${id}', 0, '${owner.workspace_id}', ` +
    `'${owner.user_id}', 'owner', '', '', '', 'calculator', 'abc', '${outcome}', '', 5, ${at});`;
  await sqlite(database, `BEGIN; ${initial}; ${search}; CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT ` +
    "NULL, applied_at BIGINT NOT NULL); INSERT INTO schema_version VALUES (1, 'initial', 0), (2, 'search', 0);" +
    row('1', 'ok', 1000) + row('2', 'denied', 2000) + row('3', 'ok', Date.now()) + ' COMMIT');
  assert.deepEqual(await problems(server), [], 'the older log became a chain');
  await server.start();
  await until('the old rows to be removed', async () =>
    (await sqlite(database, 'SELECT pruned_seq FROM audit_heads'))[0]?.pruned_seq === 3);
  assert.deepEqual(await problems(server), []);
  const exported = await server.cli(['audit', 'export']);
  assert.ok(verifiedByHand(exported.stdout) >= 3);
  assert.match(exported.stdout, /removed because of their age/);
  assert.equal(server.process.logs().some((line) => line.level === 'error'), false, server.output());
});

async function hundredCalls(t, model, gateway, rest) {
  model.on((r) => r.lastUser.includes('weather'), (r) => r.toolResults.length > 0
    ? 'I could not find out.'
    : { toolCalls: Array.from({ length: 8 }, (_, i) => ({ name: 'get_weather', arguments: { location: `Town ${i}` } })) });
  const turns = [];
  for (let i = 0; i < 13; i++) {
    const { id } = await rest.conversation();
    turns.push((await rest.send(id, `weather everywhere ${i}`, `w${i}`)).turn);
  }
  const database = path.join(gateway.dataDir, 'librebird.db');
  const open = async () => (await sqlite(database, 'SELECT COUNT(*) AS open FROM audit_open'))[0].open;
  let most = 0;
  await until(() => `100 calls to be running (${most})`, async () => (most = await open()) >= 100, 60_000);
  return { turns, database };
}

async function assertInterrupted(t, gateway, database) {
  const left = await sqlite(database, "SELECT call_id FROM audit_chain s WHERE kind = 'call_started' AND NOT EXISTS " +
    "(SELECT 1 FROM audit_chain e WHERE e.kind = 'call_finished' AND e.call_id = s.call_id AND e.run = s.run)");
  assert.ok(left.length >= 100, `${left.length} calls were open`);
  assert.deepEqual(await problems(gateway), [], 'the log verifies right after the kill');
  return left.map((row) => row.call_id);
}



function settings(dataDir, port) {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(dataDir, 'config.toml'), '[hands]\nmax_running = 120\nmax_calls_per_user = 200\n' +
    `[net]\nconnect_to = ["wttr.in=127.0.0.1:${port}"]\n`);
}

for (const kind of ['serve', 'hands']) {
  test(`kill -9 of ${kind} with 100 calls running: the log says what was interrupted, and verifies`, options, async (t) => {
    const port = await silentPort(t);
    const model = await ModelServer.start(t);
    let gateway;
    let cluster;
    if (kind === 'serve') {
      gateway = new Server(t, { env: model.env() });
      atEnd(t, () => gateway.end());
      settings(gateway.dataDir, port);
      await gateway.start();
    } else {
      cluster = await Cluster.start(t, { env: model.env(), prepare: (dataDir) => settings(dataDir, port) });
      gateway = cluster.gateway;
    }
    const rest = await gateway.program();
    const { database } = await hundredCalls(t, model, gateway, rest);
    if (kind === 'serve') await gateway.kill();
    else await cluster.kill('hands');
    const interrupted = await assertInterrupted(t, gateway, database);
    if (kind === 'serve') await gateway.start();
    else await cluster.spawn('hands');
    await until('all of them to be closed', async () => {
      const rows = await sqlite(database, "SELECT call_id FROM audit_chain WHERE kind = 'call_finished' AND outcome = 'interrupted'");
      const closed = new Set(rows.map((row) => row.call_id));
      return interrupted.every((id) => closed.has(id));
    }, 30_000);
    assert.deepEqual(await problems(gateway), []);
    // A second run of an idempotent call is a run of its own; nothing has two ends.
    const twice = await sqlite(database, "SELECT call_id, run FROM audit_chain WHERE kind = 'call_finished' GROUP BY call_id, run HAVING COUNT(*) > 1");
    assert.deepEqual(twice, []);
    t.diagnostic(`${interrupted.length} calls were interrupted`);
  });
}
