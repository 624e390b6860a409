// What can be wrong with the machine below: the port, the disk, the database, the settings.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { atEnd } from './lib/at_end.mjs';
import { DatabaseShell, Process, Server, cli, freePort, sqlite, tempDir } from './lib/harness.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { assertProblem, newId } from './lib/rest.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 90_000 };
const isRoot = process.getuid?.() === 0;

/** `serve` must refuse to start: non-zero, and a sentence on standard error that has all of `words`. */
async function assertRefuses(t, { dataDir, home = tempDir(t), args = [], env }, ...words) {
  const result = await cli(['serve', '--data-dir', dataDir ?? path.join(home, 'data'), '--port', '0', ...args],
    { home, env, ms: 30_000 });
  assert.equal(result.signal, null, result.all);
  assert.ok(result.code > 0, `it must not serve: ${result.all}`);
  const said = result.stderr + result.stdout;
  for (const word of words) assert.match(said, word instanceof RegExp ? word : new RegExp(word), result.all);
  assert.ok(result.stderr.trim().split('\n').length <= 3, `one clear sentence: ${result.stderr}`);
  assert.doesNotMatch(said, /terminate called|Assertion|AddressSanitizer|Listening on/, result.all);
  return said;
}

const databaseOf = (server) => path.join(server.dataDir, 'librebird.db');

/** A server that has run once and holds a conversation. */
async function lived(t, env) {
  const server = await Server.start(t, { env });
  const rest = await server.program();
  const { id } = await rest.conversation('kept');
  await rest.ask(id, 'hello');
  return { server, rest, id };
}

test('the port is taken', options, async (t) => {
  const server = await Server.start(t);
  const home = tempDir(t);
  const second = await cli(['serve', '--data-dir', path.join(home, 'data'), '--port', String(server.port)], { home });
  assert.ok(second.code > 0, second.all);
  assert.match(second.stderr, new RegExp(`${server.port}`));
  assert.match(second.stderr, /port|address/i);
  assert.ok(server.process.running);
  for (const port of ['-1', '70000', 'http', '']) {
    const bad = await cli(['serve', '--data-dir', path.join(home, 'data'), '--port', port], { home });
    assert.ok(bad.code > 0, `--port ${port}: ${bad.all}`);
  }
});

test('a port that a dying predecessor still holds is waited for', options, async (t) => {
  const port = await freePort();
  const holder = net.createServer().listen(port, '127.0.0.1');
  await once(holder, 'listening');
  atEnd(t, () => holder.close());
  setTimeout(() => holder.close(), 400);
  const server = await Server.start(t, { port });
  assert.equal(server.port, port);
  assert.equal(holder.listening, false, 'it began only when the port was free');
});

test('two servers do not share a data folder', options, async (t) => {
  const { server, rest, id } = await lived(t);
  await assertRefuses(t, { dataDir: server.dataDir, home: server.home }, /another .*server/i);
  assert.equal((await rest.ask(id, 'still here?')).turn.status, 'done');
});

test('a database of a newer version is left alone', options, async (t) => {
  const { server } = await lived(t);
  await server.stop();
  await sqlite(databaseOf(server), `INSERT INTO schema_version (version, name, applied_at)
    VALUES (9999, 'from the future', 0)`);
  const before = fs.readFileSync(databaseOf(server));
  await assertRefuses(t, { dataDir: server.dataDir, home: server.home }, /newer/, /9999/);
  assert.ok(before.equals(fs.readFileSync(databaseOf(server))), 'it was not touched');
});

test('a file that is no database, and a damaged one', options, async (t) => {
  const home = tempDir(t);
  const dataDir = path.join(home, 'data');
  fs.mkdirSync(dataDir, { mode: 0o700 });
  fs.writeFileSync(path.join(dataDir, 'librebird.db'), 'These are my notes, not a database.\n'.repeat(500));
  await assertRefuses(t, { dataDir, home }, /librebird\.db/, /database|damaged|corrupt/i);
  assert.match(fs.readFileSync(path.join(dataDir, 'librebird.db'), 'utf8'), /^These are my notes/);

  const { server } = await lived(t);
  await server.stop();
  const file = databaseOf(server);
  await sqlite(file, 'PRAGMA wal_checkpoint(TRUNCATE)');
  const bytes = fs.readFileSync(file);
  bytes.fill(0xa5, 100, Math.min(bytes.length, 4096)); // the first page holds the schema
  fs.writeFileSync(file, bytes);
  await assertRefuses(t, { dataDir: server.dataDir, home: server.home }, /librebird\.db/, /damaged|corrupt|malformed/i);
});

test('a database locked by somebody else: refused with 503 while it lasts, then it goes on', options, async (t) => {
  const { server, rest, id } = await lived(t);
  const shell = await DatabaseShell.open(t, databaseOf(server));
  await shell.run('BEGIN IMMEDIATE;');
  const refused = await rest.request('POST', `/api/v1/conversations/${id}/messages`,
    { content: 'while locked', client_message_id: newId() }, {}, { ms: 60_000 });
  assertProblem(refused, 503, 'unavailable');
  assert.equal(refused.body.retryable, true);
  assert.equal((await rest.get('/healthz')).status, 200);
  assert.equal((await rest.messages(id)).length, 2, 'reading goes on');
  await shell.run('ROLLBACK;');
  const { turn } = await rest.ask(id, 'unlocked');
  assert.equal(turn.status, 'done');
  assert.ok(!(await rest.messages(id)).some((m) => m.content === 'while locked'), 'refused means not accepted');
});

test('a data folder that cannot be written', options, async (t) => {
  const home = tempDir(t);
  const file = path.join(home, 'file');
  fs.writeFileSync(file, '');
  await assertRefuses(t, { dataDir: path.join(file, 'data'), home }, 'file');
  await assertRefuses(t, { dataDir: file, home }, 'file');
  await assertRefuses(t, { dataDir: '/proc/librebird', home }, '/proc/librebird');
  if (isRoot) return t.diagnostic('running as root: permissions are not tried');
  const closed = path.join(home, 'closed');
  fs.mkdirSync(closed, { mode: 0o500 });
  await assertRefuses(t, { dataDir: path.join(closed, 'data'), home }, 'closed');
  await assertRefuses(t, { dataDir: closed, home }, 'closed');
});

test('what is kept is private to the owner of the process', options, async (t) => {
  const { server } = await lived(t);
  for (const name of ['', ...fs.readdirSync(server.dataDir)]) {
    const { mode } = fs.statSync(path.join(server.dataDir, name));
    assert.equal(mode & 0o077, 0, `${name || 'the folder'} has mode ${(mode & 0o777).toString(8)}`);
  }
});

test('a full disk: refused with 503, nothing acknowledged is lost, and it recovers', options, async (t) => {
  if (!isRoot) return t.skip('needs root to mount a small file system');
  const home = tempDir(t);
  const dataDir = path.join(home, 'small');
  fs.mkdirSync(dataDir);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=0700', 'tmpfs', dataDir], { stdio: 'pipe' });
  } catch (error) {
    return t.skip(`mount is not allowed here: ${String(error.stderr).trim()}`);
  }
  atEnd(t, () => execFileSync('umount', ['-l', dataDir]));
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { home, dataDir, env: model.env() });
  atEnd(t, () => server.end()); // before the umount
  const rest = await server.program();
  const { id } = await rest.conversation();
  await rest.ask(id, 'before');
  const ballast = path.join(dataDir, 'ballast');
  fill(ballast);
  const accepted = [];
  const refused = await until('a refusal', async () => {
    const key = newId();
    const answer = await rest.post(`/api/v1/conversations/${id}/messages`,
      { content: `${'full '.repeat(2000)}${key}`, client_message_id: key });
    if (answer.status === 202) accepted.push(answer.body.message);
    else return answer;
  }, 30_000);
  assertProblem(refused, 503, 'unavailable');
  assert.match(refused.body.detail, /disk|space|full/i);
  assert.ok(server.process.running);
  assert.equal((await rest.get('/healthz')).status, 200);
  assert.ok((await rest.get('/api/v1/me')).status < 500, 'reading goes on');
  fs.rmSync(ballast);
  const after = await until('a message to be accepted again', async () => {
    const key = newId();
    const answer = await rest.post(`/api/v1/conversations/${id}/messages`, { content: 'after', client_message_id: key });
    return answer.status === 202 && answer.body;
  }, 30_000, 100);
  assert.equal((await rest.finished(after.turn.id, 60_000)).status, 'done');
  const messages = await rest.messages(id);
  for (const message of accepted) {
    const answers = messages.filter((m) => m.turn_id === message.turn_id && m.role === 'assistant');
    assert.equal(answers.length, 1, 'what was accepted on the full disk is answered');
  }
  await server.stop();
  const [{ integrity_check: verdict }] = await sqlite(databaseOf(server), 'PRAGMA integrity_check');
  assert.equal(verdict, 'ok');
});

function fill(file) {
  const fd = fs.openSync(file, 'w');
  try {
    for (const size of [65536, 4096, 512]) {
      try {
        for (;;) fs.writeSync(fd, Buffer.alloc(size));
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
      }
    }
  } finally {
    fs.closeSync(fd);
  }
}

test('a bad settings file names the file, the line and the key', options, async (t) => {
  const home = tempDir(t);
  const file = path.join(home, 'librebird.toml');
  const bad = [
    ['# fine\nlibrebird_modle = "x"\n', [/librebird_modle/, /line 2/]],
    ['[openai]\nidle_timeout_seconds = "soon"\n', [/openai\.idle_timeout_seconds/, /line 2/]],
    ['[openai]\nidle_timeout_second = 3\n', [/openai\.idle_timeout_second/, /line 2/, /idle_timeout_seconds/]],
    ['# one\n# two\n[openai\n', [/line 3/]],
    ['[nonsense]\nx = 1\n', [/nonsense/]],
    ['\xff\xfe', [/librebird\.toml/]],
  ];
  for (const [text, words] of bad) {
    fs.writeFileSync(file, Buffer.from(text, 'latin1'));
    await assertRefuses(t, { home, args: ['--config', file] }, /librebird\.toml/, ...words);
  }
  await assertRefuses(t, { home, args: ['--config', path.join(home, 'absent.toml')] }, /absent\.toml/);
  await assertRefuses(t, { home, args: ['--config', home] }, new RegExp(home));
  fs.writeFileSync(file, '# nothing to say\n');
  await Server.start(t, { home, args: ['--config', file] });
});

test('a model that cannot be used is told at the start or in the first answer', options, async (t) => {
  for (const name of ['nonsense', 'nobody/some-model', 'openai/', '/']) {
    const home = tempDir(t);
    const server = new Process(['serve', '--data-dir', path.join(home, 'data'), '--port', '0'],
      { home, env: { LIBREBIRD_MODEL: name } });
    atEnd(t, () => server.kill());
    const outcome = await until('a start or a refusal', () =>
      !server.running ? 'refused' : /Listening on/.test(server.stdout) && 'serves', 20_000);
    if (outcome === 'refused') assert.match(server.stderr, /LIBREBIRD_MODEL|model/i, server.describe());
    else assert.match(server.stderr + server.stdout, /LIBREBIRD_MODEL|model/i, server.describe());
    await server.stop();
  }
});
