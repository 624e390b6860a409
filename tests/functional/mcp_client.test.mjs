// Our client of the Model Context Protocol against the official conformance suite: every scenario for a client that
// applies to what ours is, as an operator and a person use it: a skill that names a server on the web.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { canRun } from './lib/conformance.mjs';
import { clientConformance, Gate } from './lib/conformance_client.mjs';
import { Server, tempDir } from './lib/harness.mjs';

const options = { timeout: 300_000, skip: canRun ? false : 'the suite needs Node.js 20.18 or later' };
const place = '/api/v1/skills/far/connection';

/* What the suite can ask of a client, and why this is not asked of ours:
 *   initialize (by itself)        a skill whose server tells no tools is refused when it is installed; it is part of every other
 *   elicitation-*                 we ask nobody anything on a server's behalf, and say so: the capability is not announced
 *   auth/basic-cimd               we publish no client metadata document; we register (RFC 7591), which is tried below
 *   auth/resource-mismatch, auth/offline-access-*, auth/iss-*, auth/authorization-server-migration,
 *   auth/metadata-issuer-mismatch, request-metadata, http-*, json-schema-ref-no-deref, sep-2322-*
 *                                 of the revision 2026-07-28, which we do not speak yet
 *   auth/client-credentials-*, auth/enterprise-managed-authorization, auth/dpop*, auth/wif-*, sep-2640-*
 *                                 extensions: grants and proofs we do not offer
 */
const scenarios = {
  '2025-11-25': ['initialize', 'tools_call', 'sse-retry', 'json-schema-2020-12-preservation', 'auth/metadata-default',
    'auth/metadata-var1', 'auth/metadata-var2', 'auth/metadata-var3', 'auth/scope-from-www-authenticate',
    'auth/scope-from-scopes-supported', 'auth/scope-omitted-when-undefined', 'auth/scope-step-up',
    'auth/scope-retry-limit', 'auth/token-endpoint-auth-basic', 'auth/token-endpoint-auth-post',
    'auth/token-endpoint-auth-none', 'auth/pre-registration'],
  '2025-03-26': ['auth/2025-03-26-oauth-metadata-backcompat', 'auth/2025-03-26-oauth-endpoint-fallback'],
};

async function setUp(t) {
  const gate = await Gate.start(t);
  const server = await Server.start(t, { env: gate.env });
  const ada = await server.browser();
  const cli = async (...args) => {
    const done = await server.cli([...args, '--json'], { ms: 60_000 });
    assert.equal(done.code, 0, done.all);
    return JSON.parse(done.stdout);
  };
  const connect = async () => {
    const begun = await ada.post(place, {});
    assert.equal(begun.status, 200, begun.text);
    const back = await gate.visit(begun.body.authorization_url);
    const done = await ada.put('/api/v1/skills/connection', Object.fromEntries(back.searchParams));
    assert.equal(done.status, 200, done.text);
    return done.body.problem;
  };
  const install = (dir, url, more) => {
    fs.writeFileSync(path.join(dir, 'skill.json'), JSON.stringify({ name: 'far', version: '1.0.0', runtime: 'mcp', url, ...more }));
    return cli('skill', 'install', dir);
  };
  const call = (name, given) => server.cli(['tool', 'call', name, JSON.stringify(given)], { ms: 60_000 });
  const schemaOf = async (name) =>
    (await ada.get('/api/v1/tools')).body.items.find((tool) => tool.name === name).parameters;
  return { gate, server, cli, connect, install, call, schemaOf };
}

/** Installs the server as a skill, connects where that is wanted, and calls its tools; as often as a person would. */
async function use({ server, cli, connect, install, call, schemaOf }, dir, { url, context }) {
  const installed = await install(dir, url);
  if (context.client_id) {
    await cli('skill', 'set', 'far', 'client_id', context.client_id);
    const set = await server.cli(['skill', 'set', 'far', 'client_secret'], { input: `${context.client_secret}\n` });
    assert.equal(set.code, 0, set.all);
  }
  let problem = installed.needs_connection ? await connect() : '';
  for (let again = 0; again < 2 && /connect again/.test(problem); again += 1) problem = await connect();
  const { tools } = await cli('skill', 'show', 'far');
  for (const tool of tools) {
    const given = tool === 'json_schema_echo' ? { schema: await schemaOf(tools.find((name) => name !== tool)) } : { a: 5, b: 3 };
    let done = await call(tool, given);
    for (let again = 0; again < 2 && /connect again/.test(done.all); again += 1) {
      await connect();
      done = await call(tool, given);
    }
  }
}

test('the conformance suite finds nothing in our client', options, async (t) => {
  const world = await setUp(t);
  for (const [revision, ids] of Object.entries(scenarios)) {
    for (const scenario of ids) {
      await t.test(scenario, async (t2) => {
        const dir = path.join(tempDir(t2), 'far');
        fs.mkdirSync(dir);
        const { findings, acted, output } = await clientConformance(t2, world.gate, {
          scenario, revision, act: (asked) => use(world, dir, asked),
        });
        const failed = findings.filter((found) => found.status === 'FAILURE' || found.status === 'WARNING');
        const done = await acted.then(() => '', (error) => error.stack);
        await world.server.cli(['skill', 'remove', 'far']);
        assert.deepEqual(failed, [], `${done}\n${output.slice(-3000)}`);
        assert.ok(findings.some((found) => found.status === 'SUCCESS'), JSON.stringify(findings));
      });
    }
  }
});
