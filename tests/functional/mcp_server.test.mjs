// The Model Context Protocol server: the official SDK's client over both transports, and the conformance suite.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { binary, environment, Server, tempDir } from './lib/harness.mjs';
import { canRun, conformance } from './lib/conformance.mjs';

const options = { timeout: 60_000 };

async function overHttp(t, server, key) {
  const client = new Client({ name: 'functional test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), {
    requestInit: { headers: { Authorization: `Bearer ${key}` } },
  }));
  t.after(() => client.close());
  return client;
}

async function overStdio(t, dataDir) {
  const client = new Client({ name: 'functional test', version: '1' });
  await client.connect(new StdioClientTransport({
    command: binary, args: ['mcp', '--data-dir', dataDir], env: environment(dataDir), stderr: 'ignore',
  }));
  t.after(() => client.close());
  return client;
}

test('the SDK lists and calls tools over HTTP, and gets what the command line gets', options, async (t) => {
  const server = await Server.start(t);
  const client = await overHttp(t, server, await server.apiKey('mcp'));
  assert.equal(client.getServerVersion().name, 'librebird');
  const { tools } = await client.listTools();
  const calculator = tools.find((tool) => tool.name === 'calculator');
  assert.deepEqual(calculator.inputSchema.required, ['expression']);
  assert.equal(calculator.annotations.readOnlyHint, true);
  const given = { expression: '2340 * 17.5 / 100' };
  const answer = await client.callTool({ name: 'calculator', arguments: given });
  assert.deepEqual(answer.structuredContent, { expression: given.expression, result: 409.5 });
  const typed = await server.cli(['tool', 'call', 'calculator', JSON.stringify(given)]);
  assert.deepEqual(JSON.parse(typed.stdout), answer.structuredContent);

  const wrong = await client.callTool({ name: 'calculator', arguments: { expression: '1 / 0' } });
  assert.equal(wrong.isError, true);
  const missing = await client.callTool({ name: 'calculator', arguments: {} });
  assert.equal(missing.isError, true);
  assert.match(missing.content[0].text, /expression/);
  await assert.rejects(client.callTool({ name: 'no_such_tool', arguments: {} }), /Unknown tool/);
});

test('many calls at once over standard input and output', options, async (t) => {
  const client = await overStdio(t, tempDir(t));
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.callTool({
    name: 'text_case', arguments: { text: `word ${i}`, case: 'upper' },
  })));
  answers.forEach((answer, i) => assert.equal(answer.structuredContent.result, `WORD ${i}`));
});

test('nobody gets in without a key, from a foreign page, or by another method', options, async (t) => {
  const server = await Server.start(t);
  const key = await server.apiKey('mcp');
  const post = (headers, body = '{"jsonrpc":"2.0","id":1,"method":"ping"}', method = 'POST') =>
    fetch(`${server.url}/mcp`, { method, body, headers: { 'Content-Type': 'application/json', ...headers } });
  const bare = await post({});
  assert.equal(bare.status, 401);
  assert.equal(bare.headers.get('www-authenticate'), 'Bearer');
  const authorization = { Authorization: `Bearer ${key}` };
  assert.equal((await post({ ...authorization, Origin: 'https://evil.example' })).status, 403);
  assert.equal((await post({ Authorization: 'Bearer lb_wrong' })).status, 401);
  const page = await fetch(`${server.url}/mcp`, { headers: authorization });
  assert.equal(page.status, 405);
  assert.equal(page.headers.get('allow'), 'POST');
  const bad = async (body) => (await (await post(authorization, body)).json()).error.code;
  assert.equal(await bad('{'), -32700);
  assert.equal(await bad('[]'), -32600);
  assert.equal(await bad('{"jsonrpc":"2.0","id":1,"method":"no/such"}'), -32601);
  assert.equal((await post(authorization, '{"jsonrpc":"2.0","method":"notifications/initialized"}')).status, 202);
  assert.equal((await post({ ...authorization, 'Content-Type': 'text/plain' })).status, 415);
});

// What of the suite applies to a server of tools. Findings it cannot make without a fixture tool of its own
// ("untestable") are no failures of ours.
const scenarios = {
  '2026-07-28': ['server-stateless', 'tools-list', 'server-sse-multiple-streams', 'dns-rebinding-protection',
    'http-header-validation', 'sep-2164-resource-not-found', 'input-required-result-unsupported-methods',
    'input-required-result-ignore-extra-params'],
  '2025-11-25': ['server-initialize', 'server-session-lifecycle', 'ping', 'tools-list', 'dns-rebinding-protection'],
};

for (const [revision, names] of Object.entries(scenarios)) {
  const skip = canRun ? false : 'the conformance suite needs Node.js 20.18 or later';
  test(`the conformance suite of MCP ${revision}`, { timeout: 120_000, skip }, async (t) => {
    const server = await Server.start(t);
    const key = await server.apiKey('conformance');
    let passed = 0;
    for (const scenario of names) {
      const found = await conformance(t, { url: server.url, key, scenario, revision });
      const failures = found.filter((one) => one.status === 'FAILURE' && !one.details?.untestable);
      assert.deepEqual(failures.map((one) => `${scenario}: ${one.id}: ${one.errorMessage}`), []);
      passed += found.filter((one) => one.status === 'SUCCESS').length;
    }
    t.diagnostic(`${passed} checks passed`);
    assert.ok(passed > names.length);
  });
}
