// Connecting to an MCP server on the web that lets in only who is known there: the official SDK's server and its
// authorization server, from the installation to a call, through renewal, to the end of the connection.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { atEnd } from './lib/at_end.mjs';
import { browserMissing, chromiumOnce, closeBrowser } from './lib/browser.mjs';
import { Cluster } from './lib/cluster.mjs';
import { Server, tempDir } from './lib/harness.mjs';
import { startOAuthServer } from './lib/oauth_server.mjs';
import { Postgres, programs } from './lib/postgres.mjs';
import { assertProblem, Rest } from './lib/rest.mjs';

const options = { timeout: 120_000 };
const inBrowser = { ...options, skip: browserMissing };
const place = '/api/v1/skills/notes/connection';

after(closeBrowser);

function manifest(t, url) {
  const dir = path.join(tempDir(t, 'librebird-skill-'), 'notes');
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'skill.json'), JSON.stringify({ name: 'notes', version: '1.0.0', runtime: 'mcp', url }));
  return dir;
}

async function cli(server, ...args) {
  const done = await server.cli([...args, '--json'], { ms: 60_000 });
  assert.equal(done.code, 0, done.all);
  return JSON.parse(done.stdout);
}

/** How the platform may be set up: what is shown here must hold in all of them. */
const shapes = {
  'one process': async (t, env) => Server.start(t, { env }),
  'three processes': async (t, env) => (await Cluster.start(t, { env })).gateway,
  'three processes on PostgreSQL': async (t, env) => {
    const { url } = await Postgres.start(t);
    return (await Cluster.start(t, { env: { ...env, DATABASE_URL: url,
      LIBREBIRD_MASTER_KEY: randomBytes(32).toString('hex') } })).gateway;
  },
};
const skipped = (shape) => shape.includes('PostgreSQL') && !programs() && 'no PostgreSQL server is installed';

/** A server of ours with the skill, and the two of the SDK. */
async function start(t, shape = 'one process') {
  const far = await startOAuthServer(t);
  const server = await shapes[shape](t, far.env);
  const dir = manifest(t, far.url);
  const installed = await cli(server, 'skill', 'install', dir);
  return { far, server, dir, installed, ada: await server.browser() };
}

/** Somebody who joined ada's workspace, signed in as with a browser. */
async function member(server, ada, name) {
  const invited = await ada.post('/api/v1/invitations', { role: 'member' });
  const visitor = new Rest(server.url, { origin: server.url });
  const [email, password] = [`${name}@example.org`, 'a password of some length'];
  const made = await visitor.post('/api/v1/auth/register',
    { email, password, display_name: name, invitation: invited.body.token });
  assert.ok(made.status < 300, made.text);
  const entered = await visitor.post('/api/v1/auth/sign-in', { email, password });
  assert.equal(entered.status, 200, entered.text);
  const cookie = entered.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ');
  const signedIn = new Rest(server.url, { origin: server.url, cookie, 'x-csrf-token': entered.body.csrf_token });
  const { body: key } = await signedIn.post('/api/v1/api-keys', { name: 'tools' });
  signedIn.key = key.secret;
  return signedIn;
}

/** What a person's browser brings back. */
async function goThere(far, rest) {
  const begun = await rest.post(place, {});
  assert.equal(begun.status, 200, begun.text);
  const back = await far.visit(begun.body.authorization_url);
  assert.equal(back.origin + back.pathname, `${rest.url}/connect`);
  return Object.fromEntries(back.searchParams);
}
const bring = (rest, answer) => rest.put('/api/v1/skills/connection', answer);

async function connect(far, rest) {
  const done = await bring(rest, await goThere(far, rest));
  assert.equal(done.status, 200, done.text);
  return done.body;
}

async function whoami(server, expectedCode = 0) {
  const done = await server.cli(['tool', 'call', 'whoami', '{}'], { ms: 60_000 });
  assert.equal(done.code, expectedCode, done.all);
  return JSON.parse(done.stdout);
}

/** The same as somebody with a key, over MCP. */
async function whoamiOf(server, key) {
  const rest = new Rest(server.url, {
    authorization: `Bearer ${key}`, accept: 'application/json, text/event-stream',
  });
  const answer = await rest.post('/mcp',
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } });
  assert.equal(answer.status, 200, answer.text);
  return answer.text;
}

/** Nothing that opens the other server is seen anywhere here. */
function keptSecret(server, far) {
  const words = far.notary.secrets;
  assert.ok(words.length > 0);
  const seen = (text, where) => words.forEach((word) => assert.ok(!text.includes(word), `a token in ${where}`));
  seen(server.output(), 'the output');
  for (const entry of fs.readdirSync(server.dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    seen(fs.readFileSync(file, 'latin1'), file);
  }
}

async function thereAndBack(t, shape) {
  const { far, server, ada, installed } = await start(t, shape);
  assert.deepEqual(installed.tools, []);
  assert.equal(installed.needs_connection, true);
  assert.equal(installed.connectable, true);
  assert.equal((await ada.get(place)).body.connected, false);

  const answer = await goThere(far, ada);
  const done = await bring(ada, answer);
  assert.equal(done.status, 200, done.text);
  const { expires_at, ...rest } = done.body;
  assert.deepEqual(rest,
    { skill: 'notes', connected: true, server: far.url, issuer: far.issuer, scope: 'notes', problem: '' });
  assert.ok(Date.parse(expires_at) > Date.now());
  const skill = (await ada.get('/api/v1/skills/notes')).body;
  assert.deepEqual(skill.tools, ['whoami']);
  assert.equal(skill.needs_connection, false);

  // The server is told the token, and the tool's answer, which repeats it, has none of it.
  const said = JSON.stringify(await whoami(server));
  assert.match(said, /ada by Bearer /);
  far.notary.secrets.forEach((secret) => assert.ok(!said.includes(secret)));
  assert.ok([...far.notary.tokens.keys()].includes(far.requests.at(-1).authorization.split(' ')[1]));
  keptSecret(server, far);

  const given = far.notary.secrets.slice(-2);
  assert.equal((await ada.delete(place)).status, 204);
  assert.deepEqual(new Set(far.notary.revoked), new Set(given), 'both are given back');
  assert.equal((await ada.get(place)).body.connected, false);
  const refused = await whoami(server, 1);
  assert.match(refused.error, /connect first.*librebird skill connect notes/);
  keptSecret(server, far);
  const audit = JSON.stringify(await server.audit());
  assert.match(audit, /connected to https:\/\/mcp\.test\/v1\/mcp/);
  assert.match(audit, /"disconnected"/);
}

for (const shape of Object.keys(shapes)) {
  test(`from an installation that is let in nowhere to a call, and back: ${shape}`, { ...options, skip: skipped(shape) },
    (t) => thereAndBack(t, shape));
}

test('a token that ends is renewed before a call, and one that is refused is renewed within it', options, async (t) => {
  const { far, server, ada } = await start(t);
  far.notary.lifetime = 30; // less than is renewed ahead
  await connect(far, ada);
  const first = [...far.notary.tokens.keys()].at(-1);
  await whoami(server);
  assert.notEqual([...far.notary.tokens.keys()].at(-1), first);

  far.notary.lifetime = 3600;
  await whoami(server);
  const kept = [...far.notary.tokens.keys()].at(-1);
  await whoami(server);
  assert.equal([...far.notary.tokens.keys()].at(-1), kept, 'a good one stays');
  far.notary.expire();
  assert.match(JSON.stringify(await whoami(server)), /ada by Bearer /);
  assert.deepEqual(far.notary.spent, [], 'each refresh token came once');

  // Many calls at once need one renewal.
  const before = far.notary.secrets.length;
  far.notary.expire();
  const key = await server.apiKey('many');
  const all = await Promise.all(Array.from({ length: 6 }, () => whoamiOf(server, key)));
  all.forEach((text) => assert.match(text, /ada by Bearer /));
  assert.equal(far.notary.secrets.length, before + 2);
  assert.deepEqual(far.notary.spent, []);

  // What was taken away there has ended here.
  far.notary.expire();
  far.notary.refreshTokens.clear();
  assert.match((await whoami(server, 1)).error, /connect first/);
  assert.equal((await ada.get(place)).body.connected, false);
  await connect(far, ada);
  await whoami(server);
  keptSecret(server, far);
});

test('two replicas renew one connection once', { ...options, skip: skipped('PostgreSQL') }, async (t) => {
  const far = await startOAuthServer(t);
  const { url } = await Postgres.start(t);
  const env = { ...far.env, DATABASE_URL: url, LIBREBIRD_MASTER_KEY: randomBytes(32).toString('hex') };
  const first = await Server.start(t, { env });
  await cli(first, 'skill', 'install', manifest(t, far.url));
  await connect(far, await first.browser());
  const second = await Server.start(t, { env });
  const key = await first.apiKey('many');
  for (let round = 0; round < 3; round += 1) {
    const before = far.notary.secrets.length;
    far.notary.expire();
    const all = await Promise.all([first, second, first, second, first, second].map((one) => whoamiOf(one, key)));
    all.forEach((text) => assert.match(text, /ada by Bearer /));
    // One that was lent the old token while the new one was put down may renew once more; no two do at once.
    assert.ok(far.notary.secrets.length <= before + 4, `${far.notary.secrets.length - before} tokens`);
    assert.deepEqual(far.notary.spent, [], 'no refresh token came twice');
  }
});

test('a server that wants more than was allowed is asked for it the next time', options, async (t) => {
  const { far, server, ada } = await start(t);
  await connect(far, ada);
  await whoami(server);
  far.notary.demands = ['notes', 'write'];
  const refused = await whoami(server, 1);
  assert.match(refused.error, /asks for more than your connection allows \(scope notes write\).*librebird skill connect notes/);
  const { body } = await ada.get(place);
  assert.equal(body.connected, true);
  assert.match(body.problem, /scope notes write/);
  const again = await ada.post(place, {});
  assert.equal(new URL(again.body.authorization_url).searchParams.get('scope'), 'notes write');
  const done = await connect(far, ada);
  assert.equal(done.scope, 'notes write');
  assert.equal(done.problem, '');
  assert.match(JSON.stringify(await whoami(server)), /ada by Bearer /);
  keptSecret(server, far);
});

test('what opens a server goes with the skill, and with whoever leaves', options, async (t) => {
  const { far, server, dir, ada } = await start(t);
  const kim = await member(server, ada, 'kim');
  const kept = async () => {
    const listed = await server.cli(['secret', 'list', '--json']);
    return listed.stdout.split('\n').filter((line) => line.includes('skill/notes'));
  };
  await connect(far, ada);
  await connect(far, kim);
  assert.ok((await kept()).length > 0);
  assert.equal((await server.cli(['skill', 'remove', 'notes'])).code, 0);
  assert.deepEqual(await kept(), []);
  await cli(server, 'skill', 'install', dir);
  assert.equal((await kim.get(place)).body.connected, false);
  keptSecret(server, far);
});

test('each person has a connection of their own', options, async (t) => {
  const { far, server, ada } = await start(t);
  const kim = await member(server, ada, 'kim');
  await connect(far, ada);
  assert.equal((await kim.get(place)).body.connected, false);
  assert.match(await whoamiOf(server, kim.key), /connect first/);
  far.notary.person = 'kim';
  await connect(far, kim);
  assert.match(await whoamiOf(server, kim.key), /kim by Bearer /);
  assert.match(JSON.stringify(await whoami(server)), /ada by Bearer /);
  assert.equal((await ada.delete(place)).status, 204);
  assert.match(await whoamiOf(server, kim.key), /kim by Bearer /);
  keptSecret(server, far);
});

test('what another person, an old page or another server brings back is worth nothing', options, async (t) => {
  const { far, server, ada } = await start(t);
  const eve = await member(server, ada, 'eve');
  const answer = await goThere(far, ada);
  assertProblem(await bring(eve, answer), 409, 'failed_precondition');
  assertProblem(await bring(ada, { ...answer, iss: 'https://evil.example' }), 409, 'failed_precondition');
  assertProblem(await bring(ada, answer), 409, 'failed_precondition'); // that attempt spent the state
  const again = await goThere(far, ada);
  assertProblem(await bring(ada, { ...again, state: `${again.state}x` }), 409, 'failed_precondition');
  assertProblem(await bring(ada, { ...again, state: '../../secret' }), 400, 'invalid_argument');
  assert.equal((await bring(ada, again)).status, 200);
  assertProblem(await bring(ada, again), 409, 'failed_precondition');
  // Eve's own code with her own state would connect her, never Ada: codes are bound to who began (PKCE).
  const hers = await goThere(far, eve);
  const mine = await goThere(far, ada);
  assertProblem(await bring(ada, { ...mine, code: hers.code }), 409, 'failed_precondition');
  assert.equal((await eve.get(place)).body.connected, false);
  // No key connects anybody, and no page of another site.
  const key = new Rest(server.url, { authorization: `Bearer ${await server.apiKey()}` });
  assertProblem(await key.post(place, {}), 403, 'permission_denied');
  assertProblem(await bring(key, again), 403, 'permission_denied');
  assert.equal((await bring(ada.with({ 'x-csrf-token': undefined }), again)).status, 403);
  assert.equal((await key.get(place)).status, 200);
});

test('a skill that moves to another server does not take the tokens along', options, async (t) => {
  const { far, server, dir, ada } = await start(t);
  await connect(far, ada);
  const url = far.url.replace('/v1/mcp', '/elsewhere');
  fs.writeFileSync(path.join(dir, 'skill.json'),
    JSON.stringify({ name: 'notes', version: '2.0.0', runtime: 'mcp', url, tools: [{ function: { name: 'whoami' } }] }));
  await cli(server, 'skill', 'update', 'notes');
  assert.equal((await ada.get(place)).body.connected, false);
  const seen = far.requests.length;
  await whoami(server, 1);
  far.requests.slice(seen).forEach((request) => assert.equal(request.authorization, undefined));
});

test('an update by somebody who is not connected keeps the tools there are', options, async (t) => {
  const { far, server, dir, ada } = await start(t);
  await connect(far, ada);
  await ada.delete(place);
  fs.writeFileSync(path.join(dir, 'skill.json'),
    JSON.stringify({ name: 'notes', version: '2.0.0', runtime: 'mcp', url: far.url }));
  const updated = await cli(server, 'skill', 'update', 'notes');
  assert.equal(updated.version, '2.0.0');
  assert.deepEqual(updated.tools, ['whoami']);
});

test('a token set by hand opens the server as a connection does', options, async (t) => {
  const { far, server } = await start(t);
  const issued = far.notary.issue({ person: 'robot', scopes: ['notes'], clientId: 'x', resource: new URL(far.url) });
  const set = await server.cli(['skill', 'set', 'notes', 'access_token', '--json'], { input: `${issued.access_token}\n` });
  assert.equal(set.code, 0, set.all);
  assert.deepEqual(JSON.parse(set.stdout).tools, ['whoami']);
  assert.match(JSON.stringify(await whoami(server)), /robot by Bearer /);
});

test('a person connects in the settings, with a browser', inBrowser, async (t) => {
  const { far, server } = await start(t);
  const browser = await chromiumOnce();
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(20_000);
  atEnd(t, () => context.close());
  const page = await context.newPage();
  await page.goto(`${server.url}/sign-in#token=${await server.signInToken()}`);
  await page.getByTestId('composer').waitFor();
  const openTools = async () => {
    await page.getByRole('button', { name: 'Settings' }).first().click();
    await page.getByRole('tab', { name: 'Tools' }).click();
  };
  await openTools();
  const row = page.getByTestId('connection');
  await row.getByText('Its tools appear when somebody has connected.').waitFor();
  far.notary.refuses = true;
  await row.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Not connected' }).waitFor();

  far.notary.refuses = false;
  await page.getByRole('link', { name: 'Go to Libre Bird' }).click();
  await openTools();
  await row.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Connected', exact: true }).waitFor();
  assert.equal(page.url(), `${server.url}/connect`, 'the code is out of the address');
  assert.match(JSON.stringify(await whoami(server)), /ada by Bearer /);

  await page.getByRole('link', { name: 'Go to Libre Bird' }).click();
  await openTools();
  await row.getByRole('button', { name: 'Disconnect' }).click();
  await row.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  assert.match((await whoami(server, 1)).error, /connect first/);

  // The same from the command line, which prints where to go.
  const printed = await server.cli(['skill', 'connect', 'notes']);
  assert.equal(printed.code, 0, printed.all);
  await page.goto(printed.stdout.trim().split('\n').at(-1));
  await page.getByRole('heading', { name: 'Connected', exact: true }).waitFor();
  assert.equal((await cli(server, 'skill', 'show', 'notes')).needs_connection, false);
  assert.equal((await server.cli(['skill', 'disconnect', 'notes'])).code, 0);
  assert.match((await whoami(server, 1)).error, /connect first/);
});
