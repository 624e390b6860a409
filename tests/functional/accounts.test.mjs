// Accounts as people, programs and attackers use them.
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { atEnd } from './lib/at_end.mjs';
import { Server } from './lib/harness.mjs';
import { Rest, assertProblem, newId } from './lib/rest.mjs';
import { Live } from './lib/live.mjs';
import { within } from './lib/poll.mjs';

const options = { timeout: 180_000 };
const password = 'kelp-wagon-Tuxedo';
const other = 'umbrella 7 mooring';
const email = 'ada@example.org';
const cheap = '[auth]\npassword_cost = 4\n';

async function start(t, { config = cheap, ...rest } = {}) {
  const server = new Server(t, rest);
  fs.mkdirSync(server.dataDir, { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${server.dataDir}/config.toml`, config);
  atEnd(t, () => server.end());
  return server.start();
}

async function user(server, address = email, word = password) {
  const made = await server.cli(['user', 'create', '--email', address, '--name', 'Ada', '--password', '--json'],
    { input: word });
  assert.equal(made.code, 0, made.all);
  return JSON.parse(made.stdout);
}

const visitor = (server) => new Rest(server.url, { origin: server.url });
const signIn = (server, address = email, word = password) =>
  visitor(server).post('/api/v1/auth/sign-in', { email: address, password: word });
const cookieOf = (answer) => answer.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ');
const browserOf = (server, answer) =>
  new Rest(server.url, { origin: server.url, cookie: cookieOf(answer), 'x-csrf-token': answer.body.csrf_token });
async function browser(server, address, word) {
  const answer = await signIn(server, address, word);
  assert.equal(answer.status, 200, answer.text);
  return browserOf(server, answer);
}
async function token(server, body = { email, password }) {
  const answer = await new Rest(server.url).post('/api/v1/auth/token', body);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.access_token;
}
const bearer = (server, secret) => new Rest(server.url, { authorization: `Bearer ${secret}` });

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const parts = (jwt) => jwt.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
const signed = (header, payload, key) => {
  const text = `${b64(header)}.${b64(payload)}`;
  return `${text}.${crypto.createHmac('sha256', key).update(text).digest('base64url')}`;
};

function code(secret, at = Date.now()) {
  const bytes = [];
  let bits = 0;
  let count = 0;
  for (const c of secret) {
    bits = (bits << 5) | 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c);
    count += 5;
    if (count >= 8) bytes.push((bits >> (count -= 8)) & 255);
  }
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = crypto.createHmac('sha1', Buffer.from(bytes)).update(step).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

test('a person signs in with a password, sees the session, changes the password, signs out everywhere', options, async (t) => {
  const server = await start(t);
  const made = await user(server);
  const answer = await signIn(server, ' ADA@example.org');
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers['set-cookie'][0], /HttpOnly; SameSite=Strict/);
  assert.equal(answer.body.user.id, made.id);
  assert.equal(answer.body.workspace.role, 'owner');
  const here = browserOf(server, answer);
  const there = await browser(server);
  const sessions = (await here.get('/api/v1/sessions')).body.items;
  assert.equal(sessions.length, 2);
  assert.equal(sessions.filter((s) => s.current).length, 1);
  assert.equal(sessions[0].address, '127.0.0.1');
  assertProblem(await here.post('/api/v1/me/password', { current_password: 'wrong', password: other }), 403);
  assertProblem(await here.post('/api/v1/me/password', { password: other }), 403);
  assertProblem(await here.post('/api/v1/me/password', { current_password: password, password: 'ada12345678' }), 400);
  const live = await Live.open(t, there);
  assert.equal((await here.post('/api/v1/me/password', { current_password: password, password: other })).status, 204);
  assert.equal((await within('the other session\'s socket to close', live.closed, 15_000)).code, 4401);
  assertProblem(await there.get('/api/v1/me'), 401);
  assert.equal((await here.get('/api/v1/me')).status, 200, 'this session goes on');
  assertProblem(await signIn(server), 401);
  const again = await browser(server, email, other);
  const one = (await here.get('/api/v1/sessions')).body.items.find((s) => !s.current);
  assert.equal((await here.delete(`/api/v1/sessions/${one.id}`)).status, 204);
  assertProblem(await again.get('/api/v1/me'), 401);
  assertProblem(await here.delete(`/api/v1/sessions/${one.id}`), 404);
  const third = await browser(server, email, other);
  assert.equal((await here.delete('/api/v1/sessions')).status, 204);
  for (const gone of [here, third]) assertProblem(await gone.get('/api/v1/me'), 401);
});

test('what is wrong is said in the same words, whoever is asked for', options, async (t) => {
  const server = await start(t);
  await user(server);
  const nameless = await server.cli(['user', 'create', '--email', 'links@example.org']);
  assert.equal(nameless.code, 0, nameless.all);
  const strip = ({ status, body }) => ({ status, ...body, request_id: undefined });
  const wrong = strip(await signIn(server, email, other));
  assert.equal(wrong.status, 401);
  for (const [address, word] of [['nobody@example.org', password], ['links@example.org', password],
    [email, 'x'.repeat(500)], [email, password.toLowerCase()]]) {
    assert.deepEqual(strip(await signIn(server, address, word)), wrong, address);
  }
  // No mail server here: nobody's address gets another answer.
  for (const path of ['magic-link', 'reset-password']) {
    const [known, unknown] = await Promise.all([email, 'nobody@example.org'].map((address) =>
      visitor(server).post(`/api/v1/auth/${path}`, { email: address })));
    assertProblem(known, 409, 'failed_precondition');
    assert.deepEqual(strip(known), strip(unknown));
  }
  assertProblem(await visitor(server).post('/api/v1/auth/register',
    { email: 'new@example.org', password, display_name: 'N' }), 403);
  const guessed = (address) => visitor(server).post('/api/v1/auth/register',
    { email: address, password, display_name: 'N', invitation: 'x' });
  assertProblem(await guessed('new@example.org'), 404);
  assert.deepEqual(strip(await guessed(email)), strip(await guessed('new@example.org')));
  const audit = await server.cli(['audit', 'list', '--json', '--limit', '1000']);
  assert.ok(!(audit.stdout + server.output()).includes(password), 'no password in logs');
});

test('an access token is good for what it says until its session ends', options, async (t) => {
  const server = await start(t);
  const made = await user(server);
  const jwt = await token(server);
  const [header, payload] = parts(jwt);
  assert.deepEqual(header, { alg: 'HS256', typ: 'JWT' });
  assert.equal(payload.sub, made.id);
  assert.equal(payload.email, email);
  assert.equal(payload.workspaces.length, 1);
  assert.equal(payload.workspaces[0].role, 'owner');
  assert.equal(payload.exp - payload.iat, 7 * 24 * 3600);
  const program = bearer(server, jwt);
  assert.equal((await program.get('/api/v1/me')).body.workspace.id, payload.workspaces[0].id);
  assert.equal((await program.post('/api/v1/conversations', {})).status, 201);
  assert.equal((await program.get('/v1/models')).status, 200);
  const live = await Live.open(t, program);
  const renewed = await program.post('/api/v1/auth/refresh');
  assert.equal(renewed.status, 200, renewed.text);
  assert.equal(renewed.body.session_id, payload.sid);
  const listed = (await program.get('/api/v1/sessions')).body.items;
  assert.deepEqual(listed.map((s) => [s.kind, s.current]), [['token', true]]);
  const changed = await program.post('/api/v1/me/password', { current_password: password, password: other });
  assert.equal(changed.status, 200, changed.text);
  assertProblem(await program.get('/api/v1/me'), 401);
  assertProblem(await bearer(server, renewed.body.access_token).get('/api/v1/me'), 401);
  const next = bearer(server, changed.body.access_token);
  assert.equal((await next.get('/api/v1/me')).status, 200);
  assert.equal((await next.delete('/api/v1/session')).status, 204);
  assertProblem(await next.get('/api/v1/me'), 401);
  assertProblem(await next.post('/api/v1/auth/refresh'), 401);
  await within('the socket of an ended token to close', live.closed, 15_000);
  await server.restart();
  assertProblem(await next.get('/api/v1/me'), 401);
});

test('forged, altered, expired and foreign tokens open nothing', options, async (t) => {
  const secret = crypto.randomBytes(32).toString('hex');
  const server = await start(t, { env: { JWT_SECRET: secret } });
  await user(server);
  const jwt = await token(server);
  const [header, payload] = parts(jwt);
  assert.equal(signed(header, payload, secret), jwt, 'signed with JWT_SECRET, byte for byte');
  const now = Math.floor(Date.now() / 1000);
  const [h, p, s] = jwt.split('.');
  const bad = {
    'alg none': `${b64({ alg: 'none', typ: 'JWT' })}.${p}.`,
    'alg none with the signature': `${b64({ alg: 'none', typ: 'JWT' })}.${p}.${s}`,
    'another algorithm': signed({ alg: 'HS512', typ: 'JWT' }, payload, secret),
    'a key of its own': signed({ alg: 'HS256', typ: 'JWT', kid: 'x' }, payload, secret),
    'a foreign key': signed(header, payload, 'f'.repeat(64)),
    'an empty key': signed(header, payload, ''),
    expired: signed(header, { ...payload, iat: now - 100, exp: now - 1 }, secret),
    'from the future': signed(header, { ...payload, iat: now + 3600, exp: now + 7200 }, secret),
    eternal: signed(header, { ...payload, exp: now + 365 * 24 * 3600 }, secret),
    'no session': signed(header, { ...payload, sid: newId() }, secret),
    'another epoch': signed(header, { ...payload, epoch: payload.epoch + 1 }, secret),
    'another user': signed(header, { ...payload, sub: newId() }, secret),
    truncated: jwt.slice(0, -1), 'without signature': `${h}.${p}.`, 'two parts': `${h}.${p}`,
    padded: `${jwt}=`, 'four parts': `${jwt}.x`, 'a space inside': `${h}. ${p}.${s}`, huge: `${h}.${p}${'A'.repeat(30_000)}.${s}`,
  };
  for (const [name, forged] of Object.entries(bad)) {
    const answer = await bearer(server, forged).get('/api/v1/me');
    assert.ok([401, 431].includes(answer.status), `${name}: ${answer.status} ${answer.text}`);
    if (name === 'a foreign key') assert.match(answer.headers['www-authenticate'], /Bearer/);
  }
  assert.equal((await bearer(server, jwt).get('/api/v1/me')).status, 200);
  const refused = new Server(t, { env: { JWT_SECRET: 'short' } });
  const failed = refused.spawn();
  assert.equal((await failed.closed).code, 1);
  assert.match(failed.stderr, /JWT_SECRET/);
});

test('a session of one\'s own at every sign-in, and no page of another origin signs in or acts', options, async (t) => {
  const server = await start(t);
  await user(server);
  const planted = visitor(server).with({ cookie: 'lb_session=planted-by-somebody' });
  const answer = await planted.post('/api/v1/auth/sign-in', { email, password });
  assert.equal(answer.status, 200);
  assert.ok(!cookieOf(answer).includes('planted'));
  assertProblem(await new Rest(server.url, { cookie: 'lb_session=planted-by-somebody' }).get('/api/v1/me'), 401);
  const first = browserOf(server, answer);
  const again = await first.post('/api/v1/auth/sign-in', { email, password });
  assert.notEqual(cookieOf(again), cookieOf(answer));
  for (const path of ['sign-in', 'second-factor']) {
    assertProblem(await new Rest(server.url, { origin: 'http://evil.example' }).post(`/api/v1/auth/${path}`,
      path === 'sign-in' ? { email, password } : { ticket: 'x', code: '123456' }), 403);
  }
  assertProblem(await first.with({ 'x-csrf-token': undefined }).post('/api/v1/me/password',
    { current_password: password, password: other }), 403);
  assertProblem(await first.with({ origin: 'http://evil.example' }).delete('/api/v1/sessions'), 403);
  assert.equal((await first.get('/api/v1/me')).status, 200);
});

test('a second factor: set up, asked for, not replayed, recovered, removed', options, async (t) => {
  const server = await start(t, { config: `${cheap}attempts_of_account = 100\n` });
  await user(server);
  const rest = await browser(server);
  assertProblem(await rest.post('/api/v1/me/second-factor'), 403);
  assertProblem(await rest.post('/api/v1/me/second-factor', { current_password: 'not this one' }), 403);
  const { secret, uri } = (await rest.post('/api/v1/me/second-factor', { current_password: password })).body;
  assert.match(uri, /^otpauth:\/\/totp\/.*secret=/);
  assertProblem(await rest.post('/api/v1/me/second-factor/confirm', { code: '000000' }), 400);
  const confirmed = await rest.post('/api/v1/me/second-factor/confirm', { code: code(secret) });
  assert.equal(confirmed.status, 200, confirmed.text);
  const recovery = confirmed.body.recovery_codes;
  assert.equal(recovery.length, 10);
  const half = await signIn(server);
  assert.equal(half.status, 202, half.text);
  assert.equal(half.headers['set-cookie'], undefined);
  const ticket = half.body.ticket;
  const second = (body) => visitor(server).post('/api/v1/auth/second-factor', body);
  assertProblem(await second({ ticket, code: code(secret) }), 401);
  assertProblem(await second({ ticket: 'x', code: code(secret, Date.now() + 30_000) }), 401);
  const whole = await second({ ticket, code: code(secret, Date.now() + 30_000) });
  assert.equal(whole.status, 200, whole.text);
  assertProblem(await second({ ticket, code: recovery[0] }), 401);
  assertProblem(await new Rest(server.url).post('/api/v1/auth/token',
    { email, password, code: code(secret, Date.now() + 30_000) }), 401);
  await token(server, { email, password, code: recovery[0].toLowerCase() });
  const asked = await new Rest(server.url).post('/api/v1/auth/token', { email, password });
  assert.equal(asked.status, 202);
  await token(server, { ticket: asked.body.ticket, code: recovery[1] });
  assert.equal((await rest.get('/api/v1/me/account')).body.recovery_codes, 8);
  assertProblem(await rest.post('/api/v1/me/second-factor/remove', { code: recovery[0] }), 401);
  // The master key changes; the second factor goes on.
  await server.stop();
  const rotated = await server.cli(['secret', 'rotate-key']);
  assert.equal(rotated.code, 0, rotated.all);
  await server.start();
  const after = await second({ ticket: (await signIn(server)).body.ticket, code: recovery[2] });
  assert.equal(after.status, 200, after.text);
  assert.equal((await rest.post('/api/v1/me/second-factor/remove', { code: recovery[3] })).status, 204);
  assert.equal((await signIn(server)).status, 200);
  const shown = await server.cli(['user', 'show', email, '--json']);
  assert.equal(JSON.parse(shown.stdout).second_factor, false);
});

test('API keys do what their scopes say, from where they may', options, async (t) => {
  const server = await start(t);
  const owner = await server.browser();
  const key = async (body) => {
    const made = await owner.post('/api/v1/api-keys', { name: 'k', ...body });
    assert.equal(made.status, 201, made.text);
    return bearer(server, made.body.secret);
  };
  for (const body of [{ scopes: [] }, { scopes: ['account'] }, { scopes: ['root'] }, { scopes: 'read' },
    { cidrs: ['10.0.0.1/8'] }, { cidrs: ['here'] }, { expires_in_days: 0 }, { expires_in_days: 4000 }]) {
    assertProblem(await owner.post('/api/v1/api-keys', { name: 'k', ...body }), 400);
  }
  const reader = await key({ scopes: ['read'] });
  const writer = await key({ scopes: ['chat'] });
  const tools = await key({ scopes: ['tools'] });
  assert.equal((await reader.get('/api/v1/conversations')).status, 200);
  assert.match(assertProblem(await reader.post('/api/v1/conversations', {}), 403).detail, /scope chat/);
  assertProblem(await writer.get('/api/v1/conversations'), 403);
  assert.equal((await writer.post('/api/v1/conversations', {})).status, 201);
  assert.equal((await reader.get('/v1/models')).status, 403);
  assert.equal((await writer.get('/v1/models')).status, 200);
  assert.equal((await reader.post('/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' })).status, 403);
  assert.notEqual((await tools.post('/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' })).status, 403);
  assertProblem(await writer.post('/api/v1/skills', { source: '/x' }), 403);
  const every = await key({});
  for (const [method, path] of [['GET', 'api-keys'], ['GET', 'sessions'], ['DELETE', 'sessions'], ['GET', 'me/account']]) {
    assert.match(assertProblem(await every.request(method, `/api/v1/${path}`), 403).detail, /no API key has/);
  }
  assertProblem(await (await key({ cidrs: ['192.0.2.0/24'] })).get('/api/v1/me'), 403);
  assert.equal((await (await key({ cidrs: ['127.0.0.0/8'] })).get('/api/v1/me')).status, 200);
  const byCli = await server.cli(['api-key', 'create', '--name', 'cli', '--scope', 'read', '--scope', 'chat', '--expires',
    '7', '--cidr', '127.0.0.1', '--json']);
  assert.equal(byCli.code, 0, byCli.all);
  const listed = (await owner.get('/api/v1/api-keys')).body.items.find((k) => k.name === 'cli');
  assert.deepEqual(listed.scopes, ['read', 'chat']);
  assert.deepEqual(listed.cidrs, ['127.0.0.1/32']);
  assert.ok(Date.parse(listed.expires_at) > Date.now());
});

test('failures close an account and say until when, also after a restart', options, async (t) => {
  const server = await start(t);
  await user(server);
  const mine = await browser(server);
  for (let i = 0; i < 6; ++i) assertProblem(await signIn(server, email, other), 401);
  const closed = await signIn(server);
  assertProblem(closed, 429);
  const seconds = Number(closed.headers['retry-after']);
  assert.ok(seconds > 0 && seconds <= 30, `${seconds}`);
  assert.equal((await mine.get('/api/v1/me')).status, 200, 'whoever is signed in stays so');
  await server.restart();
  assertProblem(await signIn(server), 429);
  assertProblem(await new Rest(server.url).post('/api/v1/auth/token', { email, password }), 429);
});

test('ten thousand attempts leave the server to those who are in', options, async (t) => {
  const server = await start(t, { config: '[auth]\npassword_cost = 8\n' });
  await user(server);
  const mine = await browser(server);
  const attempts = Number(process.env.ATTEMPTS ?? 1500);
  const answers = new Map();
  let next = 0;
  const attack = async () => {
    while (next < attempts) {
      const n = next++;
      const answer = await signIn(server, n % 2 ? email : `u${n}@example.org`, other);
      answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
      if (answer.status === 429) assert.ok(Number(answer.headers['retry-after']) > 0);
    }
  };
  const flood = Promise.all(Array.from({ length: 32 }, attack));
  let served = 0;
  while (next < attempts) {
    const begun = Date.now();
    assert.equal((await mine.get('/api/v1/me')).status, 200);
    assert.ok(Date.now() - begun < 5_000, 'an answer in time');
    ++served;
  }
  await flood;
  assert.deepEqual([...answers.keys()].filter((status) => ![401, 429].includes(status)), [], JSON.stringify([...answers]));
  assert.ok(answers.get(429) > attempts / 2, JSON.stringify([...answers]));
  assert.ok(served > 0);
});

test('the operator disables, enables, lists and ends', options, async (t) => {
  const server = await start(t);
  const made = await user(server);
  const rest = await browser(server);
  const jwt = bearer(server, await token(server));
  const listed = await server.cli(['session', 'list', email, '--json']);
  assert.equal(listed.stdout.trim().split('\n').length, 2, listed.all);
  const listening = await Live.open(t, rest);
  const disabled = await server.cli(['user', 'disable', made.id]);
  assert.equal(disabled.code, 0, disabled.all);
  const closed = await within('the socket of the disabled user to close', listening.closed, 10_000);
  assert.equal(closed.code, 4401);
  for (const gone of [rest, jwt]) assertProblem(await gone.get('/api/v1/me'), 401);
  assertProblem(await signIn(server), 403);
  assert.equal((await server.cli(['user', 'enable', email])).code, 0);
  assertProblem(await rest.get('/api/v1/me'), 401);
  const back = await browser(server);
  assert.equal((await server.cli(['session', 'revoke', email])).code, 0);
  assertProblem(await back.get('/api/v1/me'), 401);
  const set = await server.cli(['user', 'set-password', email], { input: other });
  assert.equal(set.code, 0, set.all);
  assertProblem(await signIn(server), 401);
  await browser(server, email, other);
  const weak = await server.cli(['user', 'set-password', email], { input: 'password123' });
  assert.notEqual(weak.code, 0);
  assert.match(weak.all, /guessed/);
  const users = await server.cli(['user', 'list', '--json']);
  assert.deepEqual(users.stdout.trim().split('\n').map((line) => JSON.parse(line).email), [null, email]);
  const log = await server.cli(['audit', 'list', '--json', '--limit', '1000', '--workspace',
    parts(await token(server, { email, password: other }))[1].workspaces[0].id]);
  for (const what of ['disabled', 'enabled', 'signed in from 127.0.0.1', 'changed', 'wrong password']) {
    assert.match(log.stdout, new RegExp(what), `the log tells of: ${what}`);
  }
  assert.equal((await server.cli(['audit', 'verify'])).code, 0);
});

test('the owner gives the first account an address and a password', options, async (t) => {
  const server = await start(t);
  const owner = await server.browser();
  assert.equal((await owner.patch('/api/v1/me/account', { email: 'OWNER@example.org', display_name: 'Grace' })).status, 200);
  assert.equal((await owner.post('/api/v1/me/password', { password })).status, 204);
  const me = (await (await browser(server, 'owner@example.org')).get('/api/v1/me')).body;
  assert.equal(me.user.display_name, 'Grace');
  assertProblem(await owner.patch('/api/v1/me/account', { email: 'x@example.org' }), 403);
  assertProblem(await owner.patch('/api/v1/me/account', { email: 'not one', current_password: password }), 400);
  await user(server);
  assertProblem(await owner.patch('/api/v1/me/account', { email, current_password: password }), 409);
  const methods = (await new Rest(server.url).get('/api/v1/auth/methods')).body;
  assert.deepEqual(methods, { password: true, mail_link: false, registration: 'invitation' });
});
