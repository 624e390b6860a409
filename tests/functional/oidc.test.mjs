// Signing in at an identity provider: the certified `oidc-provider`, on another site, in Chromium, to a session.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';
import { atEnd } from './lib/at_end.mjs';
import { browserMissing, chromiumOnce, closeBrowser } from './lib/browser.mjs';
import { Server } from './lib/harness.mjs';
import { Rest } from './lib/rest.mjs';

const options = { timeout: 120_000 };
const inBrowser = { ...options, skip: browserMissing };
const secret = 'the secret of the client, with : and +';
const callback = '/api/v1/auth/oidc/oidc/callback';

after(closeBrowser);

function signingKeys() {
  const kinds = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519'] };
  const keys = Object.entries(kinds).map(([alg, [type, details]]) =>
    ({ ...crypto.generateKeyPairSync(type, details).privateKey.export({ format: 'jwk' }), kid: alg, use: 'sig', alg }));
  const pss = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  return [...keys, { ...pss, kid: 'PS256', use: 'sig', alg: 'PS256' }];
}

/** A server of ours and a provider that knows it. `client` is what the provider was told about us. */
async function start(t, { client = {}, env = {} } = {}) {
  const socket = http.createServer();
  await new Promise((resolve) => socket.listen(0, 'localhost', resolve));
  atEnd(t, () => {
    socket.closeAllConnections();
    socket.close();
  });
  const issuer = `http://localhost:${socket.address().port}`;
  const server = await Server.start(t, {
    env: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: 'bird',
      OIDC_CLIENT_SECRET: client.token_endpoint_auth_method === 'none' ? undefined : secret,
      LIBREBIRD_REGISTRATION: 'open',
      ...env,
    },
  });
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'bird', client_secret: secret, redirect_uris: [server.url + callback], ...client,
    }],
    jwks: { keys: signingKeys() },
    cookies: { keys: ['for the tests'] },
    claims: { email: ['email', 'email_verified'], profile: ['name'] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: `The real ${id}` }),
    }),
  });
  socket.on('request', provider.callback());
  return { server, issuer };
}

async function openPage(t) {
  const browser = await chromiumOnce();
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  atEnd(t, () => context.close());
  return context.newPage();
}

/** What a person does at the provider. */
async function signInThere(page, name = 'ada') {
  await page.fill('input[name=login]', name);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]'); // consent
}

const me = (page) => page.evaluate(() => fetch('/api/v1/me').then(async (r) => ({ status: r.status, body: await r.json() })));

test('somebody new signs in at a provider, in a browser, and is the same person the next time', inBrowser, async (t) => {
  const { server, issuer } = await start(t);
  const offered = await new Rest(server.url).get('/api/v1/auth/providers');
  assert.deepEqual(offered.body, { providers: [{ name: 'oidc', title: 'Single sign-on' }] });

  const page = await openPage(t);
  await page.goto(`${server.url}/api/v1/auth/oidc/oidc/start?return_to=/sign-in%3Fwelcome`);
  assert.equal(new URL(page.url()).origin, issuer);
  await signInThere(page);
  await page.waitForURL(`${server.url}/sign-in?welcome`);
  const first = await me(page);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.equal(first.body.user.email, 'ada@example.org');
  assert.equal(first.body.user.display_name, 'The real ada');
  const cookies = await page.context().cookies(server.url);
  assert.ok(cookies.some((c) => c.name === 'lb_session' && c.httpOnly && c.sameSite === 'Strict'));
  assert.ok(!cookies.some((c) => c.name === 'lb_external'), 'what the sign-in needed is gone');

  const again = await openPage(t);
  await again.goto(`${server.url}/api/v1/auth/oidc/oidc/start`);
  await signInThere(again);
  await again.waitForURL(`${server.url}/`);
  assert.equal((await me(again)).body.user.id, first.body.user.id);

  const other = await openPage(t);
  await other.goto(`${server.url}/api/v1/auth/oidc/oidc/start`);
  await signInThere(other, 'eve');
  await other.waitForURL(`${server.url}/`);
  assert.notEqual((await me(other)).body.user.id, first.body.user.id);
  assert.ok(!server.output().includes(secret));
  assert.doesNotMatch(server.output(), /[?&]code=/);
});

for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
  for (const method of alg === 'ES256' ? ['client_secret_post', 'none'] : ['client_secret_basic']) {
    test(`tokens signed with ${alg}, a client with ${method}`, inBrowser, async (t) => {
      const client = { id_token_signed_response_alg: alg, token_endpoint_auth_method: method };
      if (method === 'none') client.client_secret = undefined;
      const { server } = await start(t, { client, env: { OIDC_SECRET_IN_BODY: method === 'client_secret_post' } });
      const page = await openPage(t);
      await page.goto(`${server.url}/api/v1/auth/oidc/oidc/start`);
      await signInThere(page);
      await page.waitForURL(`${server.url}/`);
      assert.equal((await me(page)).status, 200, server.process.describe());
    });
  }
}

test('who cancels there, or is not known here, is told so', inBrowser, async (t) => {
  const { server } = await start(t, { env: { LIBREBIRD_REGISTRATION: 'closed' } });
  const page = await openPage(t);
  await page.goto(`${server.url}/api/v1/auth/oidc/oidc/start`);
  await page.click('a[href*=abort]');
  await page.waitForURL(`${server.url}/sign-in?error=denied`);
  assert.equal((await me(page)).status, 401);
  await page.goto(`${server.url}/api/v1/auth/oidc/oidc/start`);
  await signInThere(page);
  await page.waitForURL(`${server.url}/sign-in?error=no_account`);
  assert.equal((await me(page)).status, 401);
});

test('an account is linked with an identity, signs in with it, and is unlinked', inBrowser, async (t) => {
  const { server } = await start(t, { env: { LIBREBIRD_REGISTRATION: 'closed' } });
  const page = await openPage(t);
  await page.goto(`${server.url}/healthz`);
  const token = await server.signInToken();
  const owner = await page.evaluate((token) => fetch('/api/v1/session', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }),
  }).then((r) => r.json()), token);
  const ask = (method, path, csrf) => page.evaluate(async ([method, path, csrf]) => {
    const answer = await fetch(path, { method, headers: csrf ? { 'x-csrf-token': csrf } : {} });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  }, [method, path, csrf]);
  // Nobody else's page can set it going.
  assert.equal((await ask('POST', '/api/v1/me/identities/oidc')).status, 403);
  assert.equal((await ask('GET', '/api/v1/me/identities/oidc')).status, 405);
  const begun = await ask('POST', '/api/v1/me/identities/oidc?return_to=/healthz', owner.csrf_token);
  assert.equal(begun.status, 200, JSON.stringify(begun.body));
  await page.goto(begun.body.location);
  await signInThere(page);
  await page.waitForURL(`${server.url}/healthz`);
  const linked = await ask('GET', '/api/v1/me/identities');
  assert.equal(linked.body.identities.length, 1);

  const other = await openPage(t);
  await other.goto(`${server.url}/api/v1/auth/oidc/oidc/start`);
  await signInThere(other);
  await other.waitForURL(`${server.url}/`);
  assert.equal((await me(other)).body.user.id, owner.user.id);

  const path = `/api/v1/me/identities/${linked.body.identities[0].id}`;
  const last = await ask('DELETE', path, owner.csrf_token);
  assert.equal(last.status, 409, 'the only way in stays');
});

test('strangers, replays and evil addresses get nowhere', options, async (t) => {
  const { server, issuer } = await start(t);
  const rest = new Rest(server.url);
  const begun = await rest.get('/api/v1/auth/oidc/oidc/start?return_to=https://evil.example/');
  assert.equal(begun.status, 303);
  const location = new URL(begun.headers.location);
  assert.equal(location.origin, issuer);
  assert.equal(location.searchParams.get('code_challenge_method'), 'S256');
  const cookie = begun.headers['set-cookie'][0];
  assert.match(cookie, /^lb_external=[\w.-]+; Path=\/api\/v1\/auth\/oidc; HttpOnly; SameSite=Lax; Max-Age=600$/);
  const state = location.searchParams.get('state');
  const mine = cookie.split(';')[0];
  const ends = async (path, headers, error) => {
    const answer = await rest.get(path, headers);
    assert.equal(answer.status, 303, answer.text);
    assert.equal(answer.headers.location, `/sign-in?error=${error}`, path);
    assert.ok(!(answer.headers['set-cookie'] ?? []).some((line) => line.startsWith('lb_session')));
  };
  await ends(`${callback}?code=x&state=${state}`, {}, 'expired');
  await ends(`${callback}?code=x&state=other`, { cookie: mine }, 'expired');
  await ends(`${callback}?code=x&state=${state}&iss=https://evil.example`, { cookie: mine }, 'expired');
  await ends(`${callback}?code=x&state=${state}`, { cookie: mine }, 'expired'); // finished, badly: once is enough
  await ends(`${callback}`, { cookie: 'lb_external=x.y' }, 'expired');
  await ends('/api/v1/auth/oidc/unknown/start', {}, 'unknown_provider');
  await ends('/api/v1/auth/oidc/unknown/callback', {}, 'unknown_provider');
  // A code that nobody gave.
  const fresh = await rest.get('/api/v1/auth/oidc/oidc/start');
  const at = new URL(fresh.headers.location).searchParams.get('state');
  await ends(`${callback}?code=guessed&state=${at}&iss=${encodeURIComponent(issuer)}`,
    { cookie: fresh.headers['set-cookie'][0].split(';')[0] }, 'expired');
});

test('a provider that is away is said to be away', options, async (t) => {
  const server = await Server.start(t, { env: { OIDC_ISSUER: 'http://localhost:1', OIDC_CLIENT_ID: 'bird' } });
  const answer = await new Rest(server.url).get('/api/v1/auth/oidc/oidc/start');
  assert.equal(answer.headers.location, '/sign-in?error=provider_unavailable');
});
