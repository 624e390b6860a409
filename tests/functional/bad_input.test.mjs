// Bad requests: each gets one clear refusal, and the server goes on.
import test from 'node:test';
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { Server } from './lib/harness.mjs';
import { Live, upgradeStatus } from './lib/live.mjs';
import { Rest, assertProblem, assertProblemBody, newId, rawExchange } from './lib/rest.mjs';
import { within } from './lib/poll.mjs';

const options = { timeout: 60_000 };
let shared;

/** One server for the whole file: that it survives everything is part of the test. */
async function setUp() {
  shared ??= (async () => {
    const server = await Server.start(null);
    const rest = await server.program();
    const { id } = await rest.conversation();
    return { server, rest, id };
  })();
  return shared;
}
test('bodies that are not JSON, or not the JSON that was asked for', options, async () => {
  const { rest, id } = await setUp();
  const to = `/api/v1/conversations/${id}/messages`;
  const bad = [
    '', '{', '{"content":"x"', 'null', '[]', '"x"', '42', '{}', '{"content":"x","client_message_id":"y"} trailing',
    { content: 5, client_message_id: newId() }, { content: 'x', client_message_id: 7 }, { content: 'x' },
    { content: '', client_message_id: newId() }, { content: null, client_message_id: newId() },
    { content: 'x', client_message_id: '' }, { content: 'x', client_message_id: 'y'.repeat(5000) },
    { content: 'x', client_message_id: newId(), invented: true }, { content: ['x'], client_message_id: newId() },
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`, `{"content":"x","client_message_id":"y","a":${'{"a":'.repeat(5000)}`,
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
    Buffer.from('{"content":"\xff\xfe","client_message_id":"a"}', 'latin1'),
    '{"content":"\\ud800","client_message_id":"lone"}',
    '{"content":"a\u0001b","client_message_id":"control"}',
  ];
  for (const body of bad) {
    const shown = JSON.stringify(body).slice(0, 80);
    const answer = await rest.post(to, body);
    assert.ok(answer.status >= 400 && answer.status < 500, `${shown}: ${answer.status} ${answer.text}`);
    assertProblem(answer, [400, 413, 422]);
  }
  const wrong = await rest.post(to, { content: 5, client_message_id: newId() });
  assert.match(wrong.body.detail, /content/, 'the refusal names the key');
  const unknown = await rest.post(to, { content: 'x', client_message_id: newId(), invented: true });
  assert.equal(unknown.body.code, 'invalid_argument');
  assert.match(unknown.body.detail, /invented/);
  assert.deepEqual(await rest.messages(id), [], 'nothing of it was accepted');
});

test('the other calls check their bodies as well', options, async () => {
  const { server, id } = await setUp();
  const rest = await server.browser(); // some calls are no API key's
  const bad = [
    ['POST', 'conversations', { title: 5 }], ['POST', 'conversations', { titel: 'x' }],
    ['POST', 'conversations', { title: 'x'.repeat(100_000) }], ['PATCH', `conversations/${id}`, { archived: 'yes' }],
    ['PATCH', `conversations/${id}`, []],
    ['PATCH', `conversations/${id}`, { id: newId() }], ['POST', 'api-keys', {}], ['POST', 'api-keys', { name: '' }],
    ['POST', 'api-keys', { name: 'x'.repeat(10_000) }], ['POST', 'api-keys', { name: ['x'] }],
    ['POST', 'session', {}], ['POST', 'session', { token: 5 }], ['POST', 'auth/sign-in', { email: 'a@b.c' }],
    ['POST', 'auth/sign-in', { email: 'no address', password: 'x' }], ['POST', 'auth/token', { email: ['a@b.c'] }],
    ['POST', 'auth/second-factor', { ticket: 'x' }], ['POST', 'auth/magic-link', { email: 'x'.repeat(400) }],
    ['POST', 'me/password', { password: 'x'.repeat(5000) }], ['POST', 'me/password', { password: 'short' }],
    ['POST', 'me/second-factor/confirm', { code: 123456 }], ['PATCH', 'me/account', { display_name: '' }],
    ['PATCH', 'me/account', { role: 'owner' }], ['POST', 'api-keys', { name: 'x', scopes: ['account'] }],
  ];
  for (const [method, where, body] of bad) {
    const answer = await rest.request(method, `/api/v1/${where}`, body);
    assertProblem(answer, [400, 413, 422], ['invalid_argument', 'too_large']);
  }
});

test('unknown routes, wrong methods and wrong media types', options, async () => {
  const { rest, id } = await setUp();
  for (const path of ['/api/v1/nothing', '/api/v2/me', '/api/v1/', `/api/v1/conversations/${id}/nothing`,
    '/api/v1/conversations//messages', '/v1/nothing']) {
    const answer = await rest.get(path);
    assert.equal(answer.status, 404, path);
    if (path.startsWith('/api')) assertProblem(answer, 404, 'not_found');
  }
  for (const [method, path, allowed] of [
    ['PUT', '/api/v1/me', 'GET'], ['DELETE', '/api/v1/conversations', 'POST'], ['GET', '/api/v1/session', 'POST'],
    ['PATCH', '/api/v1/tools', 'GET'], ['POST', '/healthz', 'GET'],
    ['POST', '/readyz', 'GET'], ['DELETE', '/metrics', 'GET'], ['PUT', '/api/openapi.json', 'GET'], ['POST', '/', 'GET'],
    ['GET', '/v1/chat/completions', 'POST'], ['POST', '/v1/models', 'GET'],
    ['BREW', '/api/v1/me', 'GET'],
  ]) {
    const answer = await rest.request(method, path, method === 'GET' ? undefined : {}).catch((error) => ({ error }));
    if (method === 'BREW' && (answer.error || answer.status === 501 || answer.status === 400)) continue;
    assert.equal(answer.status, 405, `${method} ${path}: ${answer.text}`);
    assert.ok((answer.headers.allow ?? '').split(/,\s*/).includes(allowed), `Allow: ${answer.headers.allow}`);
  }
  const to = `/api/v1/conversations/${id}/messages`;
  const good = JSON.stringify({ content: 'x', client_message_id: newId() });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined]) {
    assertProblem(await rest.post(to, good, { 'content-type': type }), 415);
  }
  assert.equal((await rest.request('HEAD', '/healthz')).status, 200);
});

test('ids that are none', options, async () => {
  const { rest } = await setUp();
  for (const id of ['1', 'x', '..', '%00', '%2e%2e%2f', "'%20OR%201=1", '0'.repeat(36), 'x'.repeat(3000), newId(),
    '%F0%9F%90%A6', '%ff', '01900000-0000-7000-8000-00000000000g']) {
    for (const path of [`/api/v1/conversations/${id}`, `/api/v1/turns/${id}`, `/api/v1/conversations/${id}/messages`]) {
      const answer = await rest.get(path);
      assertProblem(answer, [400, 404]);
    }
  }
});

test('credentials: none, garbage, of another server, in the wrong place', options, async (t) => {
  const { server, rest } = await setUp();
  const bare = new Rest(server.url);
  const other = await Server.start(t);
  const foreign = { key: await other.apiKey(), browser: await other.browser() };
  const good = rest.headers.authorization;
  for (const headers of [
    {}, { authorization: '' }, { authorization: 'Bearer' }, { authorization: 'Bearer ' },
    { authorization: 'Bearer lb_x' }, { authorization: `Bearer ${'x'.repeat(4000)}` },
    { authorization: good.replace('Bearer', 'Basic') }, { authorization: `${good}x` },
    { authorization: good.slice(0, -1) }, { authorization: `Bearer ${foreign.key}` },
    { cookie: foreign.browser.headers.cookie, 'x-csrf-token': foreign.browser.headers['x-csrf-token'] },
    { cookie: 'lb_session=' }, { cookie: `lb_session=${'A'.repeat(43)}` }, { cookie: ';;;=;' },
    { cookie: `lb_session=${good.slice(7)}` },
  ]) {
    assertProblem(await bare.with(headers).get('/api/v1/me'), 401, 'unauthenticated');
    assert.equal(await upgradeStatus(server.url, { origin: server.url, ...headers }), 401, JSON.stringify(headers));
    const v1 = await bare.with(headers).get('/v1/models');
    assert.equal(v1.status, 401);
  }
  assertProblem(await bare.get(`/api/v1/me?access_token=${good.slice(7)}`), [400, 401]);
  for (const token of ['', 'x', 'A'.repeat(43), 'x'.repeat(100_000), '\u0000']) {
    const answer = await bare.with({ origin: server.url }).post('/api/v1/session', { token });
    assertProblem(answer, [400, 401, 413]);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
  const refused = await bare.get('/api/v1/me');
  assert.match(refused.headers['www-authenticate'] ?? 'Bearer', /Bearer/);
});

test('a page of another site can do nothing', options, async () => {
  const { server } = await setUp();
  const browser = await server.browser();
  const evil = browser.with({ origin: 'https://evil.example' });
  assertProblem(await evil.post('/api/v1/conversations', {}), 403);
  assertProblem(await browser.with({ 'x-csrf-token': undefined }).post('/api/v1/conversations', {}), 403);
  assertProblem(await browser.with({ 'x-csrf-token': '' }).delete('/api/v1/session'), 403);
  const answer = await evil.get('/api/v1/me');
  assert.equal(answer.headers['access-control-allow-origin'], undefined, 'no other site may read an answer');
  for (const origin of ['https://evil.example', 'null', `${server.url}.evil.example`,
    server.url.replace(/\d+$/, '1'), 'file://']) {
    assert.equal(await upgradeStatus(server.url, { ...browser.headers, origin }), 403, origin);
  }
  const page = await browser.get('/');
  assert.match(page.headers['content-security-policy'] ?? '', /frame-ancestors 'none'|default-src/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
});

test('a name that was re-bound to this address is refused', options, async () => {
  const { server, rest } = await setUp();
  const { port } = new URL(server.url);
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example']) {
    const answer = await rest.with({ host }).get('/api/v1/me').catch((error) => ({ status: 400, error }));
    assert.ok([400, 403, 421].includes(answer.status), `Host: ${host}: ${answer.status}`);
    assert.notEqual(await upgradeStatus(server.url, { ...rest.headers, host }).catch(() => 400), 101, host);
  }
  const { authorization } = rest.headers;
  for (const line of ['', 'Host:\r\n', 'Host: \r\n', `Host: evil.example\r\nHost: 127.0.0.1:${port}\r\n`]) {
    for (const version of ['1.1', '1.0']) {
      const said = await rawExchange(server.url,
        `GET /api/v1/me HTTP/${version}\r\n${line}Authorization: ${authorization}\r\nConnection: close\r\n\r\n`);
      assert.match(said, /^HTTP\/1\.1 (400|421|505) /, `${version} ${JSON.stringify(line)}`);
    }
  }
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
    assert.equal((await rest.with({ host }).get('/api/v1/me')).status, 200, host);
  }
});

test('too much of everything', options, async () => {
  const { server, rest, id } = await setUp();
  const to = `/api/v1/conversations/${id}/messages`;
  const tooLong = await rest.post(to, { content: 'x'.repeat(8 * 1024 * 1024), client_message_id: newId() })
    .catch((error) => ({ error }));
  if (tooLong.error) assert.match(String(tooLong.error.code), /ECONNRESET|EPIPE/); // refused before it was all sent
  else assertProblem(tooLong, 413, 'too_large');
  const announced = await rawExchange(server.url, `POST ${to} HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n` +
    `Authorization: ${rest.headers.authorization}\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n`);
  assert.match(announced, /^HTTP\/1\.1 413 /);
  assert.match(announced, /application\/problem\+json/);
  const header = await rawExchange(server.url,
    `GET /healthz HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`);
  assert.match(header, /^HTTP\/1\.1 (431|400) /);
  const many = await rawExchange(server.url, `GET /healthz HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n` +
    `${'A: b\r\n'.repeat(20_000)}\r\n`);
  assert.match(many, /^HTTP\/1\.1 (431|400) /);
  const target = await rawExchange(server.url, `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.match(target, /^HTTP\/1\.1 (414|431|400) /);
  assert.equal((await rest.get('/api/v1/me')).status, 200);
});

test('bytes that are no HTTP, and HTTP that smuggles', options, async () => {
  const { server, rest } = await setUp();
  const { host } = new URL(server.url);
  const bad = [
    'hello\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n',
    `POST /api/v1/session HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /api/v1/session HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}`,
    `POST /api/v1/session HTTP/1.1\r\nHost: ${host}\r\nContent-Length: -1\r\n\r\n`,
    `POST /api/v1/session HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nBad Header: x\r\n\r\n`,
    'GET /healthz HTTP/1.1\r\n\r\n',
  ];
  for (const bytes of bad) {
    const text = await rawExchange(server.url, Buffer.from(bytes, 'latin1'), { enough: (s) => /\r\n\r\n/.test(s), ms: 20_000 });
    assert.ok(text === '' || /^HTTP\/1\.1 (4\d\d|5\d\d) /.test(text), `${JSON.stringify(bytes).slice(0, 90)}: ${text.slice(0, 80)}`);
    assert.ok(!/^HTTP\/1\.1 500/.test(text), bytes);
  }
  assert.equal((await rest.get('/healthz')).status, 200);
});

test('paths do not lead out of the web folder', options, async () => {
  const { server } = await setUp();
  for (const path of ['/../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/assets/..%2f..%2f..%2fetc/passwd',
    '/..%5c..%5cetc/passwd', '/assets/%00', '//etc/passwd']) {
    const text = await rawExchange(server.url,
      `GET ${path} HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\nConnection: close\r\n\r\n`);
    assert.ok(!text.includes('root:'), path);
    assert.match(text, /^HTTP\/1\.1 [234]\d\d /, path);
  }
});

test('socket frames: broken ones are refused or end the connection with the right code', options, async (t) => {
  const { rest, id } = await setUp();
  const live = await Live.open(t, rest);
  const refused = [
    {}, { type: 'fly' }, { type: 5 }, { type: 'subscribe' }, { type: 'subscribe', conversation_id: 5 },
    { type: 'subscribe', conversation_id: 'x' }, { type: 'send', conversation_id: id },
    { type: 'send', conversation_id: id, content: 'x' }, { type: 'ping', extra: 1 },
    { type: 'send', conversation_id: id, content: 5, client_message_id: newId() }, { type: 'cancel' },
    { type: 'unsubscribe' }, { type: 'hello' },
  ];
  for (const frame of refused) {
    const answer = await live.request(frame);
    assert.equal(answer.type, 'error', JSON.stringify(frame));
    assertProblemBody(answer.problem, answer.problem.status);
    assert.ok(answer.problem.status < 500, JSON.stringify(answer));
  }
  for (const text of ['[]', '5', 'null', '"x"', '{"id":5,"type":"ping"}', '{"type":"ping"}']) {
    const seen = live.frames.length;
    live.socket.send(text);
    const pong = await live.request({ type: 'ping' }).catch(() => null); // either refused or, as malformed, closed
    assert.ok(pong?.type === 'pong' || live.socket.readyState !== WebSocket.OPEN, text);
    if (!pong) {
      assert.equal((await live.closed).code, 1007, text);
      await live.connect();
    } else {
      assert.ok(live.frames.length > seen);
    }
  }
  const endings = [
    ['{"type":', 1007], ['not json', 1007], [' '.repeat(10), 1007], ['x'.repeat(1024 * 1024 + 1), 1009],
    [`{"type":"ping","id":"${'x'.repeat(1024 * 1024)}"}`, 1009],
  ];
  for (const [text, code] of endings) {
    const victim = await Live.open(t, rest);
    victim.socket.send(text);
    assert.equal((await within(`the close after ${text.slice(0, 20)}`, victim.closed)).code, code, text.slice(0, 20));
  }
  const binary = await Live.open(t, rest);
  binary.socket.send(Buffer.from([1, 2, 3]));
  assert.ok([1003, 1007].includes((await within('the close after binary', binary.closed)).code));
  const broken = await Live.open(t, rest);
  broken.socket._sender.sendFrame([Buffer.from([0x81, 0x82, 0, 0, 0, 0]), Buffer.from([0xff, 0xfe])]);
  assert.equal((await within('the close after bad UTF-8', broken.closed)).code, 1007);
  await live.request({ type: 'ping' });
});

test('after all of this the server is as it was', options, async () => {
  const { server, rest, id } = await setUp();
  assert.equal((await rest.ask(id, 'hello')).turn.status, 'done');
  const errors = server.process.logs().filter((line) => line.raw || line.level === 'error');
  assert.deepEqual(errors, [], 'bad requests are no errors of ours');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});
