// Moving in from the desktop app: everything arrives, once, whatever happens on the way; the source is never touched.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Process, Server, cli, repository, sqlite, tempDir } from './lib/harness.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 180_000 };
const messages = Number(process.env.LEGACY_MESSAGES ?? 2000);
const generator = path.join(repository, 'tests/testkit/legacy_installation.py');
const rows = ['user_settings', 'context_snapshots', 'conversations', 'messages', 'journal_entries', 'tasks', 'memories',
  'knowledge_chunks', 'legacy_quarantine', 'legacy_ids', 'legacy_files', 'secrets'];

function make(folder, ...args) {
  return JSON.parse(execFileSync('python3', [generator, folder, '--messages', String(messages), ...args]));
}

/** Every file below a folder with what is in it. */
function contentOf(folder) {
  const out = {};
  if (!fs.existsSync(folder)) return out;
  for (const name of fs.readdirSync(folder, { recursive: true }).sort()) {
    const file = path.join(folder, name);
    const info = fs.statSync(file);
    out[name] = info.isFile() ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : 'folder';
  }
  return out;
}

/** All that the import keeps, as one text; times of the import itself left out. */
async function stateOf(dataDir) {
  const database = path.join(dataDir, 'librebird.db');
  const state = {};
  for (const table of rows) {
    const columns = (await sqlite(database, `SELECT name FROM pragma_table_info('${table}')`)).map((c) => c.name)
      .filter((c) => !['seq', 'value'].includes(c) || table === 'user_settings')
      .filter((c) => !(c.endsWith('_at') && ['legacy_quarantine', 'secrets'].includes(table)));
    state[table] = await sqlite(database, `SELECT ${columns.join(', ')} FROM ${table} ORDER BY ${columns.join(', ')}`);
  }
  state.files = contentOf(path.join(dataDir, 'skill-data'));
  return state;
}

const importing = (server, app, ...args) => server.cli(['import-legacy', app, '--json', ...args], { ms: 120_000 });
const reported = (answer) => {
  assert.ok(answer.stdout.startsWith('{'), answer.all);
  const report = JSON.parse(answer.stdout);
  report.of = Object.fromEntries(report.tables.map((table) => [table.name, table]));
  return report;
};

/** A data folder whose owner is there, with the same ids each time it is copied. */
async function emptyInstallation(t) {
  const home = tempDir(t);
  const server = new Server(t, { home });
  assert.equal((await server.cli(['api-key', 'create', '--name', 'x'])).code, 0);
  return server;
}
function copyOf(t, server) {
  const home = tempDir(t);
  fs.cpSync(server.dataDir, path.join(home, 'data'), { recursive: true });
  return new Server(t, { home });
}

test('everything arrives while the server runs, is verified, and search finds it', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  const know = path.join(tempDir(t), 'knowledge');
  const made = make(app, '--bad', '--wal', '--knowledge', know);
  const before = contentOf(app);
  const server = await Server.start(t);
  const rest = await server.program();
  const answer = await importing(server, app, '--knowledge', know, '--timezone', 'Europe/Berlin');
  assert.equal(answer.code, 0, answer.all);
  assert.deepEqual(contentOf(app), before, 'the source is untouched');
  const report = reported(answer);
  assert.equal(report.verified, true);
  for (const [name, count] of Object.entries(made.rows)) {
    const table = report.of[name];
    const secrets = name === 'settings' ? 1 : 0; // the key of a provider
    assert.equal(table.found, count - secrets, name);
    assert.equal(table.left_out, made.left_out[name] ?? 0, name);
    assert.equal(table.mended, made.mended[name] ?? 0, name);
    assert.equal(table.imported, table.found - table.left_out, name);
    assert.equal(table.source_sha256, table.stored_sha256, name);
    assert.match(table.source_sha256, /^[0-9a-f]{64}$/);
    assert.equal(table.missing + table.differing, 0, name);
  }
  assert.equal(report.of.knowledge.imported, 25, 'the documents of the app, not of others');
  assert.equal(report.of.secrets.imported, 4);
  assert.equal(report.of.files.imported, 5);
  assert.ok(report.notes.some((note) => note.includes('notes_of_a_stranger')), 'nothing is dropped silently');
  for (const part of ['its conversation 999999 is not there', 'role is none of', 'content is bytes', 'created_at is no time',
    'conversation_id is text', 'status is none of', 'entry_date is no date', 'activities is no JSON array']) {
    assert.ok(report.problems.some((p) => p.outcome === 'left_out' && p.reason.includes(part)), part);
  }
  assert.ok(fs.existsSync(report.backup), 'saved before');
  assert.equal(fs.statSync(report.backup).mode & 0o077, 0);
  assert.deepEqual(await sqlite(report.backup, 'SELECT COUNT(*) AS n FROM messages'), [{ n: 0 }]);

  const found = (await rest.get('/api/v1/conversations?q=note1234')).body.items;
  assert.equal(found.length, 1, 'search finds what was said long ago');
  assert.match(found[0].snippet, /\u2068note1234\u2069/);
  assert.ok((await rest.get('/api/v1/conversations?q=albatross&limit=200')).body.items.length > 3);
  const archived = (await rest.get('/api/v1/conversations?archived=true&limit=200')).body.items;
  assert.ok(archived.length > 0 && archived.every((c) => c.archived));
  const talk = (await rest.get(`/api/v1/conversations/${found[0].id}/messages?limit=100`)).body.items;
  assert.ok(talk.every((m) => m.status === 'complete' && ['user', 'assistant'].includes(m.role)));
  const order = talk.map((m) => m.created_at);
  assert.deepEqual(order, [...order].sort(), 'in the order in which it was said');

  // And it goes on: an imported conversation is a conversation.
  const { turn } = await rest.ask(found[0].id, 'and what now?');
  assert.equal(turn.status, 'done');

  const database = path.join(server.dataDir, 'librebird.db');
  const one = async (sql) => Object.values((await sqlite(database, sql))[0])[0];
  // 2025-03-30 02:00 to 03:00 was no time in Berlin.
  assert.equal(await one(`SELECT MIN(created_at) FROM messages`), Date.parse('2025-03-29T19:00:00Z'));
  assert.equal(await one(`SELECT role || (superseded_by IS NOT NULL) FROM messages WHERE role = 'system'`), 'system1');
  assert.equal(await one(`SELECT COUNT(*) FROM messages WHERE context_snapshot_id IS NOT NULL`),
    Math.ceil(messages / 7));
  assert.equal(await one(`SELECT COUNT(*) FROM legacy_ids WHERE kind = 'task' AND number = 7`), 1);
  const activities = await one(`SELECT activities FROM journal_entries WHERE entry_date = '2025-01-01'`);
  assert.equal(JSON.parse(activities)[2], 'half \ufffd of a bird');

  // Secrets are secrets now: nowhere in plain text.
  await server.stop();
  for (const file of fs.readdirSync(server.dataDir, { recursive: true })) {
    const full = path.join(server.dataDir, file);
    if (!fs.statSync(full).isFile()) continue;
    const bytes = fs.readFileSync(full);
    for (const secret of ['planted-desktop-key', 'planted-env-000', 'planted-binary-secret']) {
      assert.ok(!bytes.includes(secret), `${file} has ${secret}`);
    }
  }
  assert.ok(!answer.all.includes('planted-'), 'nor in the report');
  const listed = await server.cli(['secret', 'list']);
  for (const name of ['user/legacy gemini_api_key', 'user/legacy OPENAI_API_KEY', 'skill/github GITHUB_TOKEN']) {
    assert.ok(listed.stdout.includes(name), name);
  }
});

test('a second run changes nothing; what is new since is added', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  make(app, '--bad');
  const server = await emptyInstallation(t);
  assert.equal((await importing(server, app)).code, 0);
  const first = await stateOf(server.dataDir);
  const backups = fs.readdirSync(path.join(server.dataDir, 'backups'));
  const audit = (await server.audit()).length;
  const again = await importing(server, app);
  assert.equal(again.code, 0, again.all);
  const report = reported(again);
  assert.equal(report.backup, '', 'nothing to save');
  for (const table of report.tables) assert.equal(table.imported, 0, table.name);
  assert.deepEqual(await stateOf(server.dataDir), first);
  assert.deepEqual(fs.readdirSync(path.join(server.dataDir, 'backups')), backups);
  assert.equal((await server.audit()).length, audit);

  execFileSync('python3', [generator, app, '--more', '40']);
  fs.writeFileSync(path.join(app, 'data/rss_feeds.json'), '[]');
  // A copy elsewhere is the same installation.
  const moved = path.join(tempDir(t), 'moved');
  fs.cpSync(app, moved, { recursive: true });
  const third = reported(await importing(server, moved));
  assert.equal(third.verified, true);
  assert.equal(third.of.messages.imported, 40);
  assert.equal(third.of.files.imported, 1);
  const state = await stateOf(server.dataDir);
  assert.equal(state.messages.length, first.messages.length + 40);
  assert.deepEqual(state.tasks, first.tasks);
});

test('what a person changed here stays, and is told', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  make(app);
  const server = await emptyInstallation(t);
  assert.equal((await importing(server, app)).code, 0);
  const database = path.join(server.dataDir, 'librebird.db');
  await sqlite(database, `UPDATE tasks SET status = 'done' WHERE title LIKE 'Task 0 %'`);
  const [{ workspace_id: workspace, user_id: user }] = await sqlite(database, 'SELECT workspace_id, user_id FROM tasks LIMIT 1');
  const feeds = path.join(server.dataDir, 'skill-data', workspace, user, 'digest/rss_feeds.json');
  fs.writeFileSync(feeds, '["mine"]');
  // A skill may put a link into its folder: it is not followed.
  const outside = path.join(tempDir(t), 'outside');
  fs.mkdirSync(outside);
  const meetings = path.join(server.dataDir, 'skill-data', workspace, user, 'meeting_summarizer/meetings');
  fs.rmSync(meetings, { recursive: true });
  fs.symlinkSync(outside, meetings);
  const answer = await importing(server, app);
  assert.equal(answer.code, 0, answer.all);
  const report = reported(answer);
  assert.equal(report.of.tasks.differing, 1);
  assert.equal(report.of.files.differing, 2);
  assert.equal(report.problems.filter((p) => p.outcome === 'differs').length, 3);
  assert.equal(fs.readFileSync(feeds, 'utf8'), '["mine"]');
  assert.deepEqual(fs.readdirSync(outside), []);
  assert.deepEqual(await sqlite(database, `SELECT status FROM tasks WHERE title LIKE 'Task 0 %'`), [{ status: 'done' }]);
});

test('killed at any moment, the next run ends with the same', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  make(app, '--bad', '--wal');
  const empty = await emptyInstallation(t);
  const whole = copyOf(t, empty);
  assert.equal((await importing(whole, app)).code, 0);
  const wanted = await stateOf(whole.dataDir);
  const server = copyOf(t, empty);
  const database = path.join(server.dataDir, 'librebird.db');
  const count = async () => (await sqlite(database, 'SELECT (SELECT COUNT(*) FROM messages) + (SELECT COUNT(*) FROM tasks) AS n'))[0].n;
  let kills = 0;
  for (let goal = 1; goal < messages; goal += Math.ceil(messages / 5)) {
    const running = new Process(['import-legacy', app, '--json', '--data-dir', server.dataDir], { home: server.home });
    await until(`${goal} messages or the end`, async () => !running.running || (await count()) >= goal);
    if (running.running) ++kills;
    await running.kill();
  }
  assert.ok(kills > 0, 'it was killed in the middle at least once');
  const answer = await importing(server, app);
  assert.equal(answer.code, 0, answer.all);
  assert.equal(reported(answer).verified, true);
  assert.deepEqual(await stateOf(server.dataDir), wanted);
  assert.deepEqual(await sqlite(database, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
});

test('a rehearsal writes nothing and tells the same', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  make(app, '--bad');
  const server = await emptyInstallation(t);
  const before = contentOf(server.dataDir);
  const dry = await importing(server, app, '--dry-run');
  assert.equal(dry.code, 0, dry.all);
  assert.deepEqual(contentOf(server.dataDir), before);
  const told = reported(dry);
  assert.equal(told.dry_run, true);
  const real = reported(await importing(server, app));
  for (const table of real.tables) {
    for (const key of ['found', 'imported', 'left_out', 'mended']) {
      assert.equal(told.of[table.name][key], table[key], `${table.name} ${key}`);
    }
  }
  const after = reported(await importing(server, app, '--dry-run'));
  for (const table of after.tables.filter((each) => each.name !== 'secrets')) assert.equal(table.imported, 0, table.name);
  // Not even a data folder is made.
  const home = tempDir(t);
  const none = await cli(['import-legacy', app, '--dry-run', '--data-dir', path.join(home, 'none')], { home });
  assert.equal(none.code, 0, none.all);
  assert.match(none.stdout, /rehearsal/);
  assert.deepEqual(fs.readdirSync(home), []);
});

test('a source that is no good is refused with one clear answer, and nothing changes', options, async (t) => {
  const dir = tempDir(t);
  const app = path.join(dir, 'app');
  make(app);
  const good = path.join(app, 'libre_bird.db');
  const bytes = fs.readFileSync(good);
  const server = await emptyInstallation(t);
  const own = path.join(server.dataDir, 'librebird.db');
  const variant = (name, write) => {
    const file = path.join(dir, `${name}.db`);
    write(file);
    return file;
  };
  const changed = (name, sql) => variant(name, (file) => {
    fs.writeFileSync(file, bytes);
    execFileSync('sqlite3', [file, sql]);
  });
  const holes = Buffer.from(bytes);
  holes.fill(0xa5, 3 * 4096, 12 * 4096);
  const cases = [
    [path.join(dir, 'nowhere'), /There is no file/],
    [tempDir(t), /There is no libre_bird\.db in/],
    [variant('empty', (f) => fs.writeFileSync(f, '')), /it is empty/],
    [variant('text', (f) => fs.writeFileSync(f, 'Dear diary, '.repeat(1000))), /not a SQLite database/],
    [variant('half', (f) => fs.writeFileSync(f, bytes.subarray(0, bytes.length / 2))), /damaged or not complete/],
    [variant('holes', (f) => fs.writeFileSync(f, holes)), /damaged or not complete/],
    [changed('newer', 'PRAGMA user_version = 7'), /another version.*its version 7/],
    [changed('column', 'ALTER TABLE tasks ADD COLUMN colour TEXT'), /another version.*the column colour of tasks/],
    [changed('table', 'CREATE TABLE plans (id INTEGER PRIMARY KEY)'), /another version.*the table plans/],
    [changed('other', 'DROP TABLE messages'), /no conversations and messages/],
    [changed('renamed', 'ALTER TABLE tasks RENAME COLUMN title TO name'), /another version|no column title/],
    [own, /one of this program's own/],
  ];
  const before = await stateOf(server.dataDir);
  for (const [source, message] of cases) {
    const answer = await importing(server, source);
    assert.equal(answer.code, 1, `${source}: ${answer.all}`);
    assert.match(answer.stderr, message, source);
    assert.equal(answer.stderr.trim().split('\n').filter((line) => line.startsWith('error: ')).length, 1, answer.all);
    assert.equal(answer.stdout, '');
  }
  for (const [args, message] of [
    [['--timezone', 'Mars/Olympus'], /time zone `Mars\/Olympus` is not known/],
    [['--user', 'nobody@example.org'], /no such user/], [['--workspace', 'w'], /no such user/],
    [['--knowledge', dir], /no chroma\.sqlite3/]]) {
    const answer = await importing(server, app, ...args);
    assert.equal(answer.code, 1, answer.all);
    assert.match(answer.stderr, message);
  }
  assert.deepEqual(await stateOf(server.dataDir), before);
  assert.ok(!fs.existsSync(path.join(server.dataDir, 'backups')));
  const skipped = await importing(server, path.join(dir, 'table.db'), '--skip-unknown');
  assert.equal(skipped.code, 0, skipped.all);
  assert.ok(reported(skipped).notes.some((note) => note.includes('the table plans')));
});

test('a row that is too large is left out, and the next one is not', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  make(app);
  execFileSync('sqlite3', [path.join(app, 'libre_bird.db'), `INSERT INTO messages (conversation_id, role, content)
    VALUES (1, 'user', CAST(zeroblob(20000000) AS TEXT)); INSERT INTO messages (conversation_id, role, content)
    VALUES (1, 'user', 'after the giant')`]);
  const server = await emptyInstallation(t);
  const answer = await importing(server, app);
  assert.equal(answer.code, 0, answer.all);
  const report = reported(answer);
  assert.equal(report.of.messages.left_out, 1);
  assert.ok(report.problems.some((p) => /larger than 16 MiB/.test(p.reason)));
  const last = await sqlite(path.join(server.dataDir, 'librebird.db'), `SELECT COUNT(*) AS n FROM messages WHERE content = 'after the giant'`);
  assert.deepEqual(last, [{ n: 1 }]);
});

test('a source in use is read without disturbing it', options, async (t) => {
  const app = path.join(tempDir(t), 'app');
  make(app);
  const database = path.join(app, 'libre_bird.db');
  const writer = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
db.execute("BEGIN IMMEDIATE")
db.execute("INSERT INTO tasks (title) VALUES ('not yet committed')")
print("locked", flush=True)
sys.stdin.readline()
db.execute("COMMIT")
print("committed", flush=True)
`;
  const { spawn } = await import('node:child_process');
  const child = spawn('python3', ['-c', writer, database], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  await until('the app to be writing', () => said.includes('locked'));
  const server = await emptyInstallation(t);
  const answer = await importing(server, app);
  assert.equal(answer.code, 0, answer.all);
  assert.equal(reported(answer).of.tasks.imported, 120);
  child.stdin.write('\n');
  await until('the app to go on', () => said.includes('committed'));
  assert.equal(reported(await importing(server, app)).of.tasks.imported, 1);
});
