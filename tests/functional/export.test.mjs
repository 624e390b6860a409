// What a person takes along, and what is left when he is erased: looked for in every file of the installation.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Server, sqlite, tempDir } from './lib/harness.mjs';
import { Rest, assertProblem } from './lib/rest.mjs';

const options = { timeout: 120_000 };

async function ok(promise) {
  const result = await promise;
  assert.equal(result.code, 0, result.all);
  return result;
}

/** A second account with rows and a file of its own. */
async function person(server) {
  const made = await ok(server.cli(['user', 'create', '--email', 'ada@example.org', '--name', 'Ada Canary', '--json']));
  const { id } = JSON.parse(made.stdout);
  const database = path.join(server.dataDir, 'librebird.db');
  const [{ workspace_id: workspace }] = await sqlite(database, `SELECT workspace_id FROM workspace_members WHERE user_id = '${id}'`);
  await sqlite(database, `INSERT INTO tasks (id, workspace_id, user_id, title, status, created_at)
    VALUES ('018f0000-0000-7000-8000-000000000001', '${workspace}', '${id}', 'water the canary', 'todo', 1)`);
  const kept = path.join(server.dataDir, 'skill-data', workspace, id, 'notes');
  fs.mkdirSync(kept, { recursive: true });
  fs.writeFileSync(path.join(kept, 'note.txt'), 'canary in a file');
  return { id, workspace };
}

/** Files below a folder that hold the text. */
function holding(folder, text) {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => fs.readFileSync(file).includes(text));
}

test('one archive holds everything of a person and nothing of others', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const { id: conversation } = await rest.conversation('of the owner');
  await rest.ask(conversation, 'the owner said this');
  const { id } = await person(server);
  const out = tempDir(t);
  const file = path.join(out, 'ada.tar.gz');
  await ok(server.cli(['user', 'export', 'ada@example.org', file]));
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(fs.readdirSync(out), ['ada.tar.gz']);
  execFileSync('tar', ['-xzf', file, '-C', out]);
  assert.equal(JSON.parse(fs.readFileSync(path.join(out, 'archive.json'), 'utf8')).user_id, id);
  const [task] = fs.readFileSync(path.join(out, 'data/tasks.jsonl'), 'utf8').trim().split('\n').map(JSON.parse);
  assert.equal(task.title, 'water the canary');
  assert.equal(task.created_at, 1);
  assert.equal(holding(path.join(out, 'files'), 'canary in a file').length, 1);
  fs.rmSync(file);
  assert.deepEqual(holding(out, 'the owner said this'), []);
  assert.deepEqual(holding(out, 'password_hash'), []);
  const again = await server.cli(['user', 'export', 'nobody@example.org', file]);
  assert.equal(again.code, 1, again.all);
});

test('an erased person is in no file of the installation, while it is served', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const { id: conversation } = await rest.conversation('stays');
  await rest.ask(conversation, 'what the owner said stays');
  const { id } = await person(server);
  const asked = await server.cli(['user', 'erase', id]);
  assert.equal(asked.code, 1, asked.all);
  assert.match(asked.stdout, /Ada Canary for good: 1 workspaces/);
  assert.equal(holding(server.dataDir, 'water the canary').length > 0, true, 'nothing happened yet');
  await ok(server.cli(['user', 'erase', id, '--yes']));
  for (const text of ['water the canary', 'canary in a file', 'ada@example.org', 'Ada Canary']) {
    assert.deepEqual(holding(server.dataDir, text), [], text);
  }
  assert.match((await ok(server.cli(['audit', 'verify']))).stdout, /The audit log is whole/);
  await ok(server.cli(['verify']));
  await rest.ask(conversation, 'and it goes on');
  const first = JSON.parse((await ok(server.cli(['user', 'list', '--json']))).stdout.trim().split('\n')[0]);
  const refused = await server.cli(['user', 'erase', first.id, '--yes']);
  assert.match(refused.stderr, /first account/, refused.all);
});

test('people take along what is theirs, and erase themselves, with their password', options, async (t) => {
  const server = await Server.start(t);
  const { id } = await person(server);
  const password = 'a long word for ada 7';
  const signIn = async () => {
    const browser = new Rest(server.url, { origin: server.url });
    const answer = await browser.post('/api/v1/auth/sign-in', { email: 'ada@example.org', password });
    if (answer.status !== 200) return answer;
    const cookie = answer.headers['set-cookie'].map((one) => one.split(';')[0]).join('; ');
    return browser.with({ cookie, 'x-csrf-token': answer.body.csrf_token });
  };
  const set = await server.cli(['user', 'set-password', id], { input: `${password}\n` });
  assert.equal(set.code, 0, set.all);
  const ada = await signIn();
  const taken = await ada.post('/api/v1/me/export', {});
  assert.equal(taken.status, 200, taken.text);
  assert.equal(taken.headers['content-type'], 'application/gzip');
  const out = tempDir(t);
  fs.writeFileSync(path.join(out, 'it.tar.gz'), taken.bytes);
  execFileSync('tar', ['-xzf', path.join(out, 'it.tar.gz'), '-C', out]);
  assert.match(fs.readFileSync(path.join(out, 'data/tasks.jsonl'), 'utf8'), /water the canary/);
  assert.ok(fs.existsSync(path.join(out, 'manifest.jsonl')), 'it is whole');
  assert.deepEqual(fs.readdirSync(path.join(server.dataDir, 'exports')), [], 'no copy is left');
  const remove = (body) => ada.request('DELETE', '/api/v1/me', body);
  assertProblem(await remove({}), 403);
  assertProblem(await remove({ current_password: 'something else' }), 403);
  assert.equal((await ada.get('/api/v1/me')).status, 200, 'nothing happened yet');
  assert.equal((await remove({ current_password: password })).status, 204);
  assert.equal((await ada.get('/api/v1/me')).status, 401);
  assert.equal((await signIn()).status, 401);
  for (const text of ['water the canary', 'canary in a file', 'ada@example.org', 'Ada Canary']) {
    assert.deepEqual(holding(server.dataDir, text), [], text);
  }
  const log = (await ok(server.cli(['audit', 'export']))).stdout;
  assert.match(log, /"exported"/);
  assert.match(log, /"erased"/);
  // The operator's account is not erased by a request.
  const owner = await server.browser();
  assertProblem(await owner.request('DELETE', '/api/v1/me', { current_password: 'x' }), 409);
});
