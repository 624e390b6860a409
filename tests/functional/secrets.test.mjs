// A secret is planted and hunted for everywhere; the master key is lost, swapped and changed.
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Server, silentPort, sqlite } from './lib/harness.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 120_000 };

function plant() {
  return `Pl4nted+s3cret=${crypto.randomBytes(9).toString('hex')}&"~x`;
}

/** The forms in which it must not turn up. */
function formsOf(value) {
  const hex = Buffer.from(value).toString('hex');
  const base64 = [0, 1, 2].map((skip) => {
    // What does not depend on the neighbours.
    const text = Buffer.concat([Buffer.alloc(skip), Buffer.from(value)]).toString('base64').replaceAll('=', '');
    return text.slice([0, 2, 3][skip], -2);
  });
  return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), hex, hex.toUpperCase(), ...base64];
}

function assertAbsent(where, bytes, value) {
  const data = Buffer.isBuffer(bytes) ? bytes : Buffer.from(String(bytes));
  for (const form of formsOf(value)) {
    assert.equal(data.includes(form), false, `the secret is in ${where}, as ${form}`);
  }
}

function* filesBelow(dir) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* filesBelow(file);
    else if (entry.isFile()) yield file;
  }
}

/** Every process whose command line or ancestor is the server's: what /proc shows of it. */
function processes(root) {
  const parents = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
      parents.set(pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    } catch {
      // gone
    }
  }
  const below = (pid) => pid === String(root) || (parents.has(pid) && below(parents.get(pid)));
  return [...parents.keys()].filter(below).flatMap((pid) => ['cmdline', 'environ'].flatMap((what) => {
    try {
      return [[`/proc/${pid}/${what}`, fs.readFileSync(`/proc/${pid}/${what}`)]];
    } catch {
      return []; // gone, or not ours to read
    }
  }));
}

test('a planted secret is nowhere but in the hands of the fence', options, async (t) => {
  const port = await silentPort(t);
  const model = await ModelServer.start(t);
  const server = new Server(t, { env: { ...model.env(), LIBREBIRD_LOG: 'debug' } });
  t.after(() => server.end());
  fs.mkdirSync(server.dataDir, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(server.dataDir, 'config.toml'), `[net]\nconnect_to = ["wttr.in=127.0.0.1:${port}"]\n`);
  await server.start();
  const value = plant();
  const set = await server.cli(['secret', 'set', 'skill/core', 'api_key'], { input: `${value}\n` });
  assert.equal(set.code, 0, set.all);
  assertAbsent('what `secret set` said', set.all, value);
  const listed = await server.cli(['secret', 'list']);
  assert.match(listed.stdout, /skill\/core api_key/);
  assertAbsent('`secret list`', listed.all, value);

  // A tool comes upon it: the name of a file in the work folder holds it.
  const [workspace] = await sqlite(path.join(server.dataDir, 'librebird.db'), 'SELECT id FROM workspaces');
  const work = path.join(server.dataDir, 'work', workspace.id);
  fs.mkdirSync(work, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(work, `plan-${value}.txt`), 'x');
  const token = `ghp_${crypto.randomBytes(18).toString('hex')}`;
  model.on('find', (r) => r.toolResults.length > 0
    ? { text: 'Found: ' + r.toolResults.map((result) => result.content).join(' ') }
    : { toolCalls: [{ name: 'search_files', arguments: { query: 'plan' } },
      { name: 'base64_encode_decode', arguments: { text: Buffer.from(token).toString('base64'), action: 'decode' } },
      { name: 'get_weather', arguments: { location: 'Oslo' } }] });
  const rest = await server.program();
  const { id } = await rest.conversation();
  const { turn } = await rest.send(id, 'find the plan', 'k1');
  // While the weather keeps it waiting, there are children to look at.
  let seen = 0;
  await until('a tool at work', () => {
    const all = processes(server.process.child.pid);
    for (const [name, bytes] of all) assertAbsent(name, bytes, value);
    seen = Math.max(seen, new Set(all.map(([name]) => name.split('/')[2])).size);
    return seen > 1;
  });
  await rest.finished(turn.id, 60_000);
  const messages = JSON.stringify(await rest.messages(id));
  assert.match(messages, /plan-\[secret:api_key\]\.txt/, messages);
  assert.match(messages, /github_token removed/, messages);
  assertAbsent('the transcript', messages, value);
  const asked = JSON.stringify(model.requests.map((request) => request.body));
  assert.match(asked, /secret:api_key/);
  assertAbsent('a request to the model', asked, value);
  assert.equal(asked.includes(token), false, 'nor did the model see the token in plain');
  const called = await server.cli(['tool', 'call', 'search_files', '{"query":"plan"}']);
  assert.match(called.stdout, /\[secret:api_key\]/);
  assertAbsent('`tool call`', called.all, value);

  assertAbsent('/metrics', (await rest.get('/metrics')).text, value);
  const exported = await server.cli(['audit', 'export']);
  assertAbsent('the audit log', exported.all, value);
  assert.match(exported.stdout, /"kind":"leak".*github_token kept back: 1/);
  assert.match(exported.stdout, /"kind":"secret".*"detail":"set"/);
  assertAbsent('the log', server.output(), value);
  const limits = fs.readFileSync(`/proc/${server.process.child.pid}/limits`, 'utf8');
  assert.match(limits, /Max core file size\s+[01]\s+[01]\s/, 'no core dump holds it');
  await server.stop();
  for (const file of filesBelow(server.dataDir)) assertAbsent(file, fs.readFileSync(file), value);
  assertAbsent('the log', server.output(), value);
});

test('bad values are refused with a reason, and never repeated', options, async (t) => {
  const server = await Server.start(t);
  for (const [args, input, pattern] of [
    [['skill/a', 'n'], 'abc', /4 to 8192 bytes/],
    [['skill/a', 'n'], '', /4 to 8192 bytes/],
    [['skill/a', 'n'], 'x'.repeat(9000), /at most 8192/],
    [['skill/a', 'n n'], 'value', /letters, digits/],
    [['', 'n'], 'value', /letters, digits/],
  ]) {
    const refused = await server.cli(['secret', 'set', ...args], { input });
    assert.equal(refused.code, 1, refused.all);
    assert.match(refused.stderr, pattern);
    if (input.length > 10) assert.equal(refused.all.includes(input.slice(0, 50)), false);
  }
  const asArgument = await server.cli(['secret', 'set', 'skill/a', 'n', 'value-in-argv']);
  assert.equal(asArgument.code, 2, 'there is no way to give it as an argument');
  const removed = await server.cli(['secret', 'remove', 'skill/a', 'none']);
  assert.equal(removed.code, 1);
  assert.match(removed.stderr, /no secret with this name/);
});

test('the master key: made once, needed ever after, changed while serving, lost', options, async (t) => {
  const server = await Server.start(t);
  const file = path.join(server.dataDir, 'master.key');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const value = plant();
  assert.equal((await server.cli(['secret', 'set', 'skill/core', 'k'], { input: value })).code, 0);
  const before = fs.readFileSync(file, 'utf8');
  const rotated = await server.cli(['secret', 'rotate-key']);
  assert.equal(rotated.code, 0, rotated.all);
  assert.match(rotated.stdout, /Sealed 1 secrets/);
  assert.notEqual(fs.readFileSync(file, 'utf8'), before);
  // The running server goes on: the redaction of its next call opens the secret under the new key.
  const [workspace] = await sqlite(path.join(server.dataDir, 'librebird.db'), 'SELECT id FROM workspaces');
  const work = path.join(server.dataDir, 'work', workspace.id);
  fs.mkdirSync(work, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(work, `plan-${value}`), 'x');
  assert.match((await server.cli(['tool', 'call', 'search_files', '{"query":"plan"}'])).stdout, /secret:k/);
  assert.equal((await server.cli(['audit', 'verify'])).code, 0);
  await server.stop();

  fs.renameSync(file, `${file}.away`);
  const missing = await server.cli(['secret', 'list']);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /master key is missing/);
  assert.equal(fs.existsSync(file), false, 'and no new one takes its place');
  fs.writeFileSync(file, before, { mode: 0o600 });
  assert.match((await server.cli(['secret', 'list'])).stderr, /is not the one this database is sealed under/);
  fs.writeFileSync(file, 'garbage', { mode: 0o600 });
  assert.match((await server.cli(['secret', 'list'])).stderr, /malformed/);
  fs.rmSync(file);
  fs.renameSync(`${file}.away`, file);
  fs.chmodSync(file, 0o644);
  assert.match((await server.cli(['secret', 'list'])).stderr, /chmod 600/);
  fs.chmodSync(file, 0o600);
  assert.match((await server.cli(['secret', 'list'])).stdout, /skill\/core k/);

  fs.rmSync(file);
  const lost = await server.cli(['secret', 'rotate-key', '--lost-key']);
  assert.equal(lost.code, 0, lost.all);
  assert.equal((await server.cli(['secret', 'list'])).stdout, '');
  assert.equal((await server.cli(['audit', 'verify'])).code, 0);
  assert.match((await server.cli(['audit', 'export'])).stdout, /master key was lost: 1 secrets were given up/);
  await server.start();
});

test('a key from the environment or a service manager is used and not written', options, async (t) => {
  const key = crypto.randomBytes(32).toString('hex');
  const server = await Server.start(t, { env: { LIBREBIRD_MASTER_KEY: key } });
  assert.equal((await server.cli(['secret', 'set', 'skill/core', 'k'], { input: 'some-value' })).code, 0);
  assert.equal(fs.existsSync(path.join(server.dataDir, 'master.key')), false);
  const config = await server.cli(['config']);
  assert.equal(config.all.includes(key), false);
  await server.stop();
  for (const file of filesBelow(server.dataDir)) assert.equal(fs.readFileSync(file).includes(key), false, file);
  const credentials = path.join(server.home, 'credentials');
  fs.mkdirSync(credentials);
  fs.writeFileSync(path.join(credentials, 'master.key'), `${key}\n`, { mode: 0o440 });
  server.env = { CREDENTIALS_DIRECTORY: credentials };
  assert.match((await server.cli(['secret', 'list'])).stdout, /skill\/core k/);
  const refused = await server.cli(['secret', 'rotate-key']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /not ours to write/);
  // New key before the old one, as the documentation says.
  const fresh = crypto.randomBytes(32).toString('hex');
  server.env = { LIBREBIRD_MASTER_KEY: `${fresh},${key}` };
  const rotated = await server.cli(['secret', 'rotate-key']);
  assert.equal(rotated.code, 0, rotated.all);
  server.env = { LIBREBIRD_MASTER_KEY: fresh };
  assert.match((await server.cli(['secret', 'list'])).stdout, /skill\/core k/);
  assert.equal((await server.cli(['audit', 'verify'])).code, 0);
  server.env = { LIBREBIRD_MASTER_KEY: key };
  assert.equal((await server.cli(['secret', 'list'])).code, 1);
});
