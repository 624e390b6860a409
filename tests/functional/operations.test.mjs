// What an operator relies on: health, metrics, logs, the API description, draining, the command line.
import test from 'node:test';
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import fs from 'node:fs';
import path from 'node:path';
import { Server, cli, tempDir } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer, modelKey } from './lib/model_server.mjs';
import { Rest, assertProblem, newId } from './lib/rest.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 60_000 };

test('health and readiness need no credential', options, async (t) => {
  const server = await Server.start(t);
  const bare = new Rest(server.url);
  for (const where of ['/healthz', '/readyz']) {
    const answer = await bare.get(where);
    assert.equal(answer.status, 200);
    assert.ok(answer.headers['x-request-id']);
    const head = await bare.request('HEAD', where);
    assert.equal(head.status, 200);
    assert.equal(head.bytes.length, 0);
  }
});

/** The Prometheus text format 0.0.4; returns samples by name. */
function parseMetrics(text) {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const types = new Map();
  const samples = new Map();
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === '') continue;
    const comment = line.match(/^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/);
    if (comment) {
      if (comment[1] === 'TYPE') {
        assert.match(comment[3], /^(counter|gauge|histogram|summary|untyped)$/, line);
        assert.ok(!types.has(comment[2]), `TYPE twice: ${line}`);
        types.set(comment[2], comment[3]);
      }
      continue;
    }
    assert.ok(!line.startsWith('#') || line.startsWith('# '), line);
    const sample = line.match(/^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)*\})? (\S+)( -?\d+)?$/);
    assert.ok(sample, `not a sample: ${line}`);
    const [, name, labels = '', value] = sample;
    assert.ok(Number.isFinite(Number(value)) || /^[+-]?Inf$|^NaN$/.test(value), line);
    assert.ok(types.has(name) || types.has(name.replace(/_(bucket|sum|count)$/, '')), `no TYPE before ${line}`);
    assert.ok(!samples.has(name + labels), `twice: ${line}`);
    samples.set(name + labels, Number(value));
  }
  for (const [name, type] of types) {
    if (type === 'counter') assert.match(name, /_total$/, `${name} is a counter`);
    if (type !== 'histogram') continue;
    const buckets = [...samples].filter(([key]) => key.startsWith(`${name}_bucket{`));
    assert.ok(buckets.some(([key]) => key.includes('le="+Inf"')), `${name} has +Inf`);
    assert.ok(samples.has(`${name}_sum`) || [...samples.keys()].some((k) => k.startsWith(`${name}_sum{`)), name);
  }
  return samples;
}

test('metrics: for this machine, or the owner\'s key; never through a proxy without one', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const { id } = await rest.conversation();
  await rest.ask(id, 'hello');
  const bare = new Rest(server.url);
  const answer = await bare.get('/metrics');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const samples = parseMetrics(answer.text);
  assert.ok([...samples.keys()].some((name) => name.startsWith('librebird_')), answer.text.slice(0, 500));
  assert.ok(!answer.text.includes(id), 'no ids in labels');
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) {
    const value = header === 'forwarded' ? 'for=203.0.113.9' : '203.0.113.9';
    assertProblem(await bare.get('/metrics', { [header]: value }), [401, 403]);
    assert.equal((await rest.get('/metrics', { [header]: value })).status, 200, 'the owner may');
  }
  const before = samples.get('librebird_http_request_duration_seconds_count');
  const after = parseMetrics((await bare.get('/metrics')).text).get('librebird_http_request_duration_seconds_count');
  if (before !== undefined) assert.ok(after > before, 'requests are counted');
});

test('the API description is OpenAPI 3.1 and knows every call of the protocol', options, async (t) => {
  const server = await Server.start(t);
  const answer = await new Rest(server.url).get('/api/openapi.json');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /json/);
  const api = JSON.parse(answer.text);
  const zipped = await new Rest(server.url).get('/api/openapi.json', { 'accept-encoding': 'gzip, br' });
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(zipped.bytes).toString(), answer.text, 'zipped only for those who can unzip');
  assert.notEqual(zipped.headers.etag, answer.headers.etag);
  const known = await new Rest(server.url).get('/api/openapi.json', { 'if-none-match': answer.headers.etag });
  assert.equal(known.status, 304);
  assert.match(api.openapi, /^3\.1\.\d+$/);
  assert.ok(api.info.title && api.info.version);
  const base = new URL(api.servers?.[0]?.url ?? '/', server.url).pathname.replace(/\/$/, '');
  const routes = new Map(Object.entries(api.paths).map(([where, item]) =>
    [(where.startsWith('/api') || where.startsWith('/v1') ? where : base + where).replace(/\{[^}]+\}/g, '{}'), item]));
  const calls = [
    'GET /me', 'POST /session', 'DELETE /session', 'GET /conversations', 'POST /conversations', 'GET /conversations/{}',
    'PATCH /conversations/{}', 'DELETE /conversations/{}', 'GET /conversations/{}/messages',
    'POST /conversations/{}/messages', 'POST /messages/{}/edit', 'POST /messages/{}/regenerate', 'GET /turns/{}',
    'POST /turns/{}/cancel', 'GET /turns/{}/events', 'GET /tools', 'GET /api-keys', 'POST /api-keys',
    'DELETE /api-keys/{}',
  ];
  for (const call of calls) {
    const [method, where] = call.split(' ');
    const operation = routes.get(`/api/v1${where}`)?.[method.toLowerCase()];
    assert.ok(operation, `${call} is described: ${[...routes.keys()].join(' ')}`);
    assert.ok(Object.keys(operation.responses).some((status) => /^2|default/.test(status)), call);
  }
  // Every reference leads somewhere, and every path parameter is declared.
  const walk = (node, visit) => {
    if (node === null || typeof node !== 'object') return;
    visit(node);
    for (const value of Object.values(node)) walk(value, visit);
  };
  walk(api, (node) => {
    if (typeof node.$ref !== 'string') return;
    const found = node.$ref.replace(/^#\//, '').split('/').reduce((at, key) => at?.[key.replace(/~1/g, '/')], api);
    assert.ok(found, `${node.$ref} leads nowhere`);
  });
  for (const [where, item] of Object.entries(api.paths)) {
    for (const [, name] of where.matchAll(/\{([^}]+)\}/g)) {
      for (const [method, operation] of Object.entries(item).filter(([m]) => /^(get|post|patch|delete|put)$/.test(m))) {
        const declared = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((p) =>
          p.$ref ? api.components.parameters[p.$ref.split('/').at(-1)] : p);
        assert.ok(declared.some((p) => p.name === name && p.in === 'path' && p.required), `${method} ${where}: ${name}`);
      }
    }
  }
  const ids = Object.values(api.paths).flatMap((item) => Object.values(item)).map((o) => o?.operationId).filter(Boolean);
  assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
});

test('request ids and trace context', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const rest = await server.program();
  const given = await rest.get('/api/v1/me', { 'x-request-id': 'my-request-42' });
  assert.equal(given.headers['x-request-id'], 'my-request-42');
  const evil = await rest.get('/api/v1/me', { 'x-request-id': 'x'.repeat(5000) });
  assert.ok(evil.headers['x-request-id'].length < 200, 'a foreign id is taken only if it is a sane one');
  const ids = await Promise.all([1, 2, 3].map(async () => (await rest.get('/healthz')).headers['x-request-id']));
  assert.equal(new Set(ids).size, 3);
  const missing = await rest.get(`/api/v1/conversations/${newId()}`);
  assert.equal(missing.body.request_id, missing.headers['x-request-id']);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  for (const traceparent of [`00-${trace}-00f067aa0ba902b7-01`, 'garbage', '', '00-0-0-00']) {
    assert.equal((await rest.get('/api/v1/me', { traceparent })).status, 200, traceparent);
  }
  await until('the log to have it', () => server.process.logs().some((l) => l.request_id === 'my-request-42'));
  await until('the trace id in the log', () => server.process.logs().some((l) => l.trace_id === trace));
});

test('logs are JSON and keep what was said, and every secret, to themselves', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const token = await server.signInToken();
  const browser = await server.browser(token);
  const rest = await server.program();
  const live = await Live.open(t, browser);
  const { id } = await rest.conversation('Title-Zanzibar');
  model.on('Sentence-Ouagadougou', (r) => r.toolResults.length > 0 ? 'Answer-Reykjavik'
    : { toolCalls: [{ name: 'text_case', arguments: { text: 'Argument-Montevideo', case: 'upper' } }] });
  await live.subscribe(id);
  await rest.ask(id, 'Sentence-Ouagadougou');
  await rest.get('/api/v1/conversations?q=Search-Antananarivo');
  model.on('fails', { fault: 'status', status: 401 });
  await rest.ask(id, 'fails');
  await rest.post(`/api/v1/conversations/${id}/messages`, '{"content": "Broken-Kathmandu"');
  await server.stop();
  const log = server.process.stderr;
  for (const line of server.process.logs()) {
    assert.equal(line.raw, undefined, `not JSON: ${line.raw}`);
    assert.ok(!Number.isNaN(Date.parse(line.time)), JSON.stringify(line));
    assert.match(line.level, /^(debug|info|warn|error)$/);
    assert.ok(line.message.length > 0);
  }
  assert.ok(server.process.logs().length > 5, 'there is something to read');
  const secrets = [token, rest.headers.authorization.slice(7), browser.headers.cookie.split('=')[1],
    browser.headers['x-csrf-token'], modelKey];
  const words = ['Zanzibar', 'Ouagadougou', 'Reykjavik', 'Montevideo', 'MONTEVIDEO', 'Antananarivo', 'Kathmandu'];
  for (const word of [...secrets, ...words]) assert.ok(!log.includes(word), `the log says ${word}`);
  const database = fs.readFileSync(path.join(server.dataDir, 'librebird.db'));
  for (const secret of secrets) assert.ok(!database.includes(secret), 'only hashes of credentials are stored');
});

test('SIGTERM drains: a short answer ends, nothing new is taken, exit 0', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const rest = await server.program();
  const { id } = await rest.conversation();
  const hold = model.hold('drain');
  const { turn } = await rest.send(id, 'drain');
  await within('the model request', hold.started);
  hold.send('almost ');
  const stopping = server.stop();
  await until('the server to be unready', async () => {
    const answer = await rest.get('/readyz').catch(() => ({ status: 503 }));
    return answer.status === 503;
  });
  hold.send('done');
  hold.finish();
  assert.deepEqual(await stopping, { code: 0, signal: null });
  await server.start();
  assert.equal((await rest.finished(turn.id)).status, 'done');
  const messages = await rest.messages(id);
  assert.equal(messages.length, 2);
  assert.ok(['almost done', 'You said: drain'].includes(messages[1].content), messages[1].content);
});

test('SIGTERM with an answer that does not end: it stops in time, and the turn goes on after the restart', options,
  async (t) => {
    const model = await ModelServer.start(t);
    const server = await Server.start(t, { env: model.env() });
    const rest = await server.program();
    const { id } = await rest.conversation();
    model.on('endless', 'the second attempt');
    const hold = model.hold('endless');
    const { turn } = await rest.send(id, 'endless');
    await within('the model request', hold.started);
    const live = await Live.open(t, rest);
    const began = Date.now();
    assert.deepEqual(await server.stop(30_000), { code: 0, signal: null });
    t.diagnostic(`stopped after ${Date.now() - began} ms`);
    assert.equal((await within('the model to be left alone', hold.closed, 1000)).aborted, true);
    await within('the socket to close', live.closed, 1000);
    await server.start();
    assert.equal((await rest.finished(turn.id)).status, 'done');
    assert.deepEqual((await rest.messages(id)).map((m) => m.content), ['endless', 'the second attempt']);
  });

test('operator commands work while it serves, and without', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const key = await server.apiKey('second');
  const program = new Rest(server.url, { authorization: `Bearer ${key}` });
  assert.equal((await program.get('/api/v1/me')).status, 200);
  assert.equal(path.dirname(server.dataDir), server.home);
  const doctor = await server.cli(['doctor']);
  assert.match(doctor.stdout + doctor.stderr, /sandbox/i, doctor.all);
  assert.equal(doctor.code, 0, doctor.all);
  await server.cli(['tool', 'call', 'calculator', '{"expression":"6*7"}']);
  const rows = await server.calls();
  assert.equal(rows[0].tool, 'calculator');
  assert.equal(rows[0].outcome, 'ok');
  assert.ok(rows[0].call_id && rows[0].created_at);
  assert.equal((await rest.get('/api/v1/me')).status, 200);
  await server.stop();
  assert.equal((await server.calls()).length, rows.length);
  await server.apiKey('made while it is down');
  await server.start();
  assert.equal((await (await server.browser()).get('/api/v1/api-keys')).body.items.length, 3);
});

test('keys are listed without their secret, and a revoked one opens nothing', options, async (t) => {
  const server = await Server.start(t);
  const secret = await server.apiKey('laptop');
  const me = () => fetch(`${server.url}/api/v1/me`, { headers: { Authorization: `Bearer ${secret}` } });
  assert.equal((await me()).status, 200);
  const listed = await server.cli(['api-key', 'list', '--json']);
  const key = listed.stdout.trim().split('\n').map((line) => JSON.parse(line)).find((one) => one.name === 'laptop');
  assert.ok(secret.startsWith(key.prefix) && !listed.stdout.includes(secret));
  assert.match((await server.cli(['api-key', 'list'])).stdout, /laptop/);
  assert.equal((await server.cli(['api-key', 'revoke', key.id])).code, 0);
  assert.equal((await me()).status, 401);
  const again = await server.cli(['api-key', 'revoke', 'no-such-key']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^error: /m);
});

test('every setting is listed with its value and help, secrets unseen', options, async (t) => {
  const home = tempDir(t);
  fs.writeFileSync(path.join(home, 'config.toml'), '[server]\nport = 9000\n');
  const env = { OPENAI_API_KEY: 'sk-planted', LIBREBIRD_DATA_DIR: home };
  const shown = await cli(['config'], { home, env });
  assert.equal(shown.code, 0, shown.all);
  assert.match(shown.stdout, /^server\.port = 9000$/m);
  assert.match(shown.stdout, /\(set, not shown\)/);
  assert.ok(!shown.all.includes('sk-planted'));
  fs.writeFileSync(path.join(home, 'config.toml'), '[server]\nprot = 9000\n');
  const wrong = await cli(['config'], { home, env });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /prot/);
  const examined = await cli(['doctor'], { home, env });
  assert.equal(examined.code, 1);
  assert.match(examined.stdout, /FAIL {2}configuration: .*prot/);
});

test('the command line explains itself', options, async (t) => {
  const home = tempDir(t);
  const help = await cli(['--help'], { home });
  assert.equal(help.code, 0, help.all);
  for (const word of ['serve', 'gateway', 'brain', 'hands', 'api-key', 'sign-in-link', 'tool', 'doctor', 'audit']) {
    assert.match(help.stdout, new RegExp(`\\b${word}\\b`));
  }
  const version = await cli(['--version'], { home });
  assert.equal(version.code, 0, version.all);
  assert.match(version.stdout, /\d+\.\d+/);
  assert.equal((await cli(['serve', '--help'], { home })).code, 0);
  for (const args of [[], ['fly'], ['serve', '--invented'], ['api-key'], ['api-key', 'create'], ['tool', 'call'],
    ['serve', '--port']]) {
    const wrong = await cli(args, { home, ms: 10_000 });
    assert.equal(wrong.code, 2, wrong.all);
    assert.ok(wrong.stderr.length + wrong.stdout.length > 10, 'it says something');
    assert.doesNotMatch(wrong.stderr, /terminate|Assertion/);
  }
  assert.deepEqual(fs.readdirSync(home), [], 'help and mistakes leave nothing behind');
});

test('the data folder is where XDG says, unless told otherwise', options, async (t) => {
  const home = tempDir(t);
  const made = await cli(['api-key', 'create', '--name', 'x'], { home, env: { XDG_DATA_HOME: path.join(home, 'xdg') } });
  assert.equal(made.code, 0, made.all);
  assert.ok(fs.readdirSync(path.join(home, 'xdg')).length > 0);
  const plain = await cli(['api-key', 'create', '--name', 'x'], { home });
  assert.equal(plain.code, 0, plain.all);
  assert.ok(fs.existsSync(path.join(home, '.local/share')));
});
