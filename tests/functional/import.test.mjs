// What a person took along comes back: in another installation, on either database, from a file that is not trusted.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import zlib from 'node:zlib';
import { Server, tempDir } from './lib/harness.mjs';
import { addPerson, join, owner } from './lib/people.mjs';
import { until } from './lib/poll.mjs';
import { engines } from './lib/postgres.mjs';
import { Rest, assertProblem } from './lib/rest.mjs';

const gzip = { 'content-type': 'application/gzip' };

/** An archive with a manifest that fits: members are [path, text]. */
function archive(t, members) {
  const folder = tempDir(t);
  const lines = members.map(([name, text]) => JSON.stringify({
    path: name, bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') }));
  const all = [...members, ['manifest.jsonl', lines.map((line) => `${line}\n`).join('')]];
  for (const [name, text] of all) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  const file = path.join(folder, 'made.tar.gz');
  execFileSync('tar', ['-czf', file, '--format=pax', '-C', folder, ...all.map(([name]) => name)]);
  return fs.readFileSync(file);
}

/** KiB. */
function peakMemory(server) {
  return Number(fs.readFileSync(`/proc/${server.process.child.pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]);
}

function write(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/** What skills and tools keep for a person, by its place in a data folder. */
const kept = (workspace, user) => ({
  [`skill-data/${workspace}/${user}/notes/list.json`]: '["walnuts"]',
  [`skill-data/${workspace}/${user}/notes/deep/er/Ünïcode name`]: 'x'.repeat(700_000),
  [`work/${workspace}/plan.txt`]: 'plant them',
});

/** An installation with a person's chats, and the archive of them. */
async function exported(t) {
  const server = await Server.start(t);
  const host = await owner(server);
  const talk = (await host.rest.conversation('walnut plans')).id;
  await host.rest.ask(talk, 'What is 6 times 7?');
  await host.rest.ask(talk, 'Where do walnuts grow?');
  for (const [name, text] of Object.entries(kept(host.home, host.id))) write(path.join(server.dataDir, name), text);
  const file = path.join(tempDir(t), 'mine.tar.gz');
  const made = await server.cli(['user', 'export', host.id, file]);
  assert.equal(made.code, 0, made.all);
  assert.ok((await server.audit()).some((row) => row.tool === 'exported' && row.detail.includes('by the operator')));
  return { file, bytes: fs.readFileSync(file), said: (await host.rest.messages(talk)).map((m) => [m.role, m.content]) };
}

const rowsOf = (report, table) => report.tables.find((each) => each.table === table);

for (const engine of engines) {
  test(`an export is brought in by its person and by the operator, on ${engine.name}`, { timeout: 120_000, skip: engine.skip }, async (t) => {
    const { file, bytes, said } = await exported(t);
    const { env, postgres } = await engine.start(t);
    const server = await Server.start(t, { env });
    server.postgres = postgres;
    const host = await owner(server);
    const browser = await server.browser();
    const tried = await browser.post('/api/v1/me/import?dry_run=true', bytes, gzip);
    assert.equal(tried.status, 200, tried.text);
    assert.equal(rowsOf(tried.body, 'messages').added, said.length);
    assert.deepEqual((await host.rest.get('/api/v1/conversations')).body.items, []);
    const done = await browser.post('/api/v1/me/import', bytes, gzip);
    assert.equal(done.status, 200, done.text);
    assert.deepEqual(rowsOf(done.body, 'conversations'), { table: 'conversations', added: 1, known: 0, left_out: 0 });
    const [talk] = (await host.rest.get('/api/v1/conversations?q=walnuts')).body.items;
    assert.equal(talk.title, 'walnut plans');
    assert.deepEqual((await host.rest.messages(talk.id)).map((m) => [m.role, m.content]), said);
    assert.deepEqual(tried.body.files, { added: 3, known: 0, left_out: 0 });
    assert.deepEqual(done.body.files, { added: 3, known: 0, left_out: 0 });
    for (const [name, text] of Object.entries(kept(host.home, host.id))) {
      assert.equal(fs.readFileSync(path.join(server.dataDir, name), 'utf8'), text);
    }
    await host.rest.ask(talk.id, 'And it goes on?');
    const again = await browser.post('/api/v1/me/import', bytes, gzip);
    assert.ok(again.body.tables.every((each) => each.added === 0), again.text);
    assert.deepEqual(again.body.files, { added: 0, known: 3, left_out: 0 });

    // Somebody else's copy is his alone.
    const kim = await addPerson(server, 'kim');
    const asJson = await server.cli(['user', 'import', kim.id, file, '--json']);
    assert.equal(asJson.code, 0, asJson.all);
    assert.equal(rowsOf(JSON.parse(asJson.stdout), 'messages').added, said.length);
    const [his] = (await kim.rest.get('/api/v1/conversations')).body.items;
    assert.notEqual(his.id, talk.id);
    assertProblem(await host.rest.get(`/api/v1/conversations/${his.id}`), 404);
    const shown = await server.cli(['user', 'import', kim.id, file, '--dry-run']);
    assert.match(shown.stdout, /messages +0 +4 +0/);
    const elsewhere = await server.cli(['user', 'import', kim.id, file, '--workspace', host.home]);
    assert.equal(elsewhere.code, 1, elsewhere.all);
    assert.match(elsewhere.stderr, /no member/);
    // A key does not do it, a guest may: into the workspace he is in, as his own.
    const guest = await join(host, kim, 'guest');
    assertProblem(await guest.post('/api/v1/me/import', bytes, gzip), 403);
    assert.equal((await server.cli(['audit', 'verify'])).code, 0);
  });
}

test('a file that is not what an export is, is refused and leaves nothing', { timeout: 60_000 }, async (t) => {
  const { bytes } = await exported(t);
  const server = await Server.start(t);
  const host = await owner(server);
  const browser = await server.browser();
  const head = JSON.stringify({ format: 'librebird-export', version: 1, user_id: 'x' });
  const talk = { id: 'c', title: 't', archived: 0, created_at: 1, updated_at: 1 };
  const withRows = (table, ...rows) => archive(t, [['archive.json', head],
    ['data/conversations.jsonl', `${JSON.stringify(talk)}\n`], [`data/${table}.jsonl`, rows.map((row) => `${row}\n`).join('')]]);
  const flipped = zlib.gunzipSync(bytes);
  flipped[flipped.indexOf('walnuts')] ^= 0x10;
  const wrong = {
    'nothing': Buffer.alloc(0),
    'no archive': Buffer.from('hello'),
    'half of it': bytes.subarray(0, bytes.length / 2),
    'a flipped bit': zlib.gzipSync(flipped),
    'another format': archive(t, [['archive.json', '{"format":"librebird-backup","version":1}']]),
    'no version': archive(t, [['archive.json', '{"format":"librebird-export"}']]),
    'a row that is no JSON': withRows('messages', '{"id":'),
    'a row that lacks things': withRows('messages', '{"id":"m","conversation_id":"c"}'),
    'a good row and a bad one': withRows('tasks', '{"id":"k","title":"t","status":"todo","created_at":1}', '{"id":"k2","title":"t","status":"odd","created_at":1}'),
  };
  for (const [what, body] of Object.entries(wrong)) {
    const answer = await browser.post('/api/v1/me/import', body, gzip);
    assertProblem(answer, 400, 'invalid_argument');
    assert.match(answer.body.detail, /\.$/, what);
  }
  const newer = archive(t, [['archive.json', '{"format":"librebird-export","version":2}']]);
  assertProblem(await browser.post('/api/v1/me/import', newer, gzip), 409, 'failed_precondition');
  assertProblem(await browser.post('/api/v1/me/import', { a: 1 }), 400);
  assertProblem(await browser.post('/api/v1/me/import?dry_run=maybe', bytes, gzip), 400);
  assert.deepEqual((await host.rest.get('/api/v1/conversations')).body.items, []);
  const left = path.join(server.dataDir, 'exports');
  assert.deepEqual(fs.existsSync(left) ? fs.readdirSync(left) : [], [], 'no file of it is left');
  // Accounts, keys and roles in a file are nobody's.
  const greedy = archive(t, [['archive.json', head], ['data/users.jsonl', '{"id":"root"}\n'],
    ['data/workspace_members.jsonl', `{"workspace_id":"${host.home}","role":"owner"}\n`], ['data/conversations.jsonl', `${JSON.stringify(talk)}\n`]]);
  const taken = await browser.post('/api/v1/me/import', greedy, gzip);
  assert.deepEqual(taken.body.tables.map((each) => each.table), ['conversations']);
  // Limits of storage, and of an archive, hold for what is brought in.
  const limited = await Server.start(t, { env: { LIBREBIRD_STORAGE_OF_USER_MB: '1', LIBREBIRD_IMPORT_MB: '6' } });
  const tooLarge = assertProblem(await (await limited.browser()).post('/api/v1/me/import', Buffer.alloc(7 << 20), gzip), 413, 'too_large');
  assert.match(tooLarge.detail, /more than 6 MB.*server.import_mb/);
  const big = { id: 'm', conversation_id: 'c', position: 1, turn_id: 't', role: 'user', content: 'x'.repeat(1_500_000), status: 'complete', created_at: 1 };
  const full = await (await limited.browser()).post('/api/v1/me/import', withRows('messages', JSON.stringify(big)), gzip);
  assertProblem(full, 413, 'too_large');
  const files = archive(t, [['archive.json', head], ['files/skill-data/w/u/s/big', 'x'.repeat(1_500_000)]]);
  assertProblem(await (await limited.browser()).post('/api/v1/me/import', files, gzip), 413, 'too_large');
});

test('files come in beside what is there, through no link, and only into folders that are the person\'s', { timeout: 60_000 }, async (t) => {
  const { bytes } = await exported(t);
  const server = await Server.start(t);
  const host = await owner(server);
  const browser = await server.browser();
  const outside = tempDir(t);
  const mine = path.join(server.dataDir, 'skill-data', host.home, host.id);
  write(path.join(mine, 'notes/list.json'), '["mine"]');
  fs.symlinkSync(outside, path.join(mine, 'notes/deep'));
  fs.mkdirSync(path.join(server.dataDir, 'work', host.home), { recursive: true });
  fs.symlinkSync(path.join(outside, 'target'), path.join(server.dataDir, 'work', host.home, 'plan.txt'));
  const answer = await browser.post('/api/v1/me/import', bytes, gzip);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body.files, { added: 0, known: 0, left_out: 3 });
  assert.equal(fs.readFileSync(path.join(mine, 'notes/list.json'), 'utf8'), '["mine"]');
  assert.deepEqual(fs.readdirSync(outside), [], 'nothing was written where the links point');

  // A folder of work that others use as well stays as it is; what is not below files/ or names other places goes nowhere.
  const kim = await addPerson(server, 'kim');
  await join(host, kim, 'member');
  const head = JSON.stringify({ format: 'librebird-export', version: 1, user_id: 'x' });
  const crafted = archive(t, [['archive.json', head], ['files/work/w/new.txt', 'x'], ['files/skill-data/w/u/s/ok.txt', 'fine'],
    ['files/skill-data/w/v', 'x'], ['files/librebird.db', 'x'], ['files/skills/w/x/skill.json', '{}']]);
  const brought = await browser.post('/api/v1/me/import', crafted, gzip);
  assert.equal(brought.status, 200, brought.text);
  assert.deepEqual(brought.body.files, { added: 1, known: 0, left_out: 4 });
  assert.equal(fs.readFileSync(path.join(mine, 's/ok.txt'), 'utf8'), 'fine');
  assert.equal(fs.existsSync(path.join(server.dataDir, 'work', host.home, 'new.txt')), false);
});

test('a large archive arrives as a stream, one of a person at a time, and without a credential not at all', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t);
  const browser = await server.browser();
  const exports = path.join(server.dataDir, 'exports');
  const before = peakMemory(server);
  const slow = new PassThrough();
  slow.write('x');
  const first = browser.post('/api/v1/me/import', slow, gzip);
  await until('the first to be under way', () => fs.existsSync(exports) && fs.readdirSync(exports).length === 1);
  assertProblem(await browser.post('/api/v1/me/import', Buffer.from('x'), gzip), 429);
  for (let i = 0; i < 64; ++i) if (!slow.write(Buffer.alloc(1 << 20, 7))) await once(slow, 'drain');
  slow.end();
  assertProblem(await first, 400, 'invalid_argument');
  const grown = peakMemory(server) - before;
  assert.ok(grown < 40_000, `it is not kept in memory: ${grown} KiB`);
  assertProblem(await browser.post('/api/v1/me/import', Buffer.from('x'), gzip), 400);

  const endless = new PassThrough();
  endless.write('x');
  assertProblem(await new Rest(server.url, { origin: server.url }).post('/api/v1/me/import', endless, gzip), 401);
  endless.end();
  assert.deepEqual(fs.readdirSync(exports), []);
});
