// A model server that misbehaves in every way we could think of: one clear error in the turn, the process lives, the
// next message is answered.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Server, freePort, tempDir } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer, modelKey } from './lib/model_server.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 90_000 };

async function setUp(t, env = {}) {
  const model = await ModelServer.start(t);
  const home = tempDir(t);
  const config = path.join(home, 'config.toml');
  fs.writeFileSync(config, '[openai]\nidle_timeout_seconds = 2\n');
  const server = await Server.start(t, { home, env: { ...model.env(), ...env }, args: ['--config', config] });
  const rest = await server.program();
  const { id } = await rest.conversation();
  return { model, server, rest, id };
}

/** A failed turn says one clear sentence, and nothing secret. */
function assertClear(error, what) {
  assert.ok(error, `${what}: an error`);
  assert.match(error.code, /^[a-z_]+$/, what);
  assert.notEqual(error.code, 'internal', `${what}: ${error.detail}`);
  assert.ok(error.detail.length > 20 && error.detail.length < 1000, `${what}: ${error.detail}`);
  assert.ok(!error.detail.includes(modelKey), `${what}: no key`);
  assert.ok(!/[\u0000-\u0008\u000b-\u001f\ufffd]/.test(error.detail), `${what}: readable`);
}

async function assertFails({ rest, id, model, server }, what, { partial, codes } = {}) {
  const { turn, answer } = await rest.ask(id, `provoke ${what}`, 60_000);
  assert.equal(turn.status, 'failed', `${what}: ${JSON.stringify(turn)}`);
  assertClear(turn.error, what);
  if (codes) assert.ok(codes.includes(turn.error.code), `${what}: ${turn.error.code}: ${turn.error.detail}`);
  if (partial) assert.equal(answer?.content, partial, `${what}: what was said is kept`);
  if (answer) {
    assert.equal(answer.status, 'failed');
    assert.deepEqual(answer.error, turn.error);
    assert.ok(answer.parts.every((p) => p.type !== 'tool_call' || p.call.status !== 'running'), what);
  }
  assert.ok(server.process.running, `${what}: the process lives`);
  const next = await rest.ask(id, 'are you well?');
  assert.equal(next.turn.status, 'done', `${what}: the next message is answered: ${JSON.stringify(next.turn)}`);
  assert.equal(next.answer.content, 'You said: are you well?');
  assert.deepEqual(model.violations, [], what);
  return turn.error;
}

const toolCalls = [{ name: 'calculator', arguments: { expression: '1 + 1 + 1 + 1 + 1 + 1' } }];
const faults = {
  hang: { codes: ['deadline_exceeded', 'unavailable'] },
  hang_mid_stream: { codes: ['deadline_exceeded', 'unavailable'], partial: 'half of ' },
  die: { codes: ['unavailable'] },
  die_mid_stream: { codes: ['unavailable'], partial: 'half of ' },
  end_early: { codes: ['unavailable'], partial: 'half of ' },
  garbage: { codes: ['unavailable', 'invalid_argument'] },
  html: { codes: ['unavailable', 'invalid_argument', 'not_found', 'failed_precondition'] },
  not_http: { codes: ['unavailable'] },
  half_tool_call: { codes: ['unavailable'] },
  error_event: { codes: ['unavailable', 'resource_exhausted'], partial: 'half of ' },
};
for (const [fault, wanted] of Object.entries(faults)) {
  test(`the model server does: ${fault}`, options, async (t) => {
    const all = await setUp(t);
    all.model.on('provoke', { fault, toolCalls });
    await assertFails(all, fault, wanted);
    const rows = await all.server.calls();
    assert.deepEqual(rows, [], 'no tool ran on half a call');
  });
}

const statuses = {
  400: ['invalid_argument'], 401: ['unauthenticated'], 403: ['permission_denied', 'unauthenticated'],
  404: ['not_found'], 413: ['too_large', 'invalid_argument'], 429: ['resource_exhausted'], 500: ['unavailable'],
  503: ['unavailable', 'resource_exhausted'],
};
test('refusals become errors that say what to do', options, async (t) => {
  const all = await setUp(t);
  for (const [status, codes] of Object.entries(statuses)) {
    all.model.on('provoke', { fault: 'status', status: Number(status), retryAfter: 3600 });
    await assertFails(all, `status ${status}`, { codes });
  }
  assert.ok(!all.server.output().includes(modelKey), 'the key is in no log');
});

test('a wrong key and a model that does not exist', options, async (t) => {
  const { model, server, rest, id } = await setUp(t);
  server.env.OPENAI_API_KEY = 'sk-wrong-9876543210';
  await server.restart();
  const wrongKey = await rest.ask(id, 'x');
  assert.equal(wrongKey.turn.error?.code, 'unauthenticated', JSON.stringify(wrongKey.turn));
  assert.match(wrongKey.turn.error.detail, /OPENAI_API_KEY|key/);
  assert.ok(!(server.output() + JSON.stringify(wrongKey)).includes('sk-wrong'), 'the key is nowhere');
  Object.assign(server.env, model.env(), { LIBREBIRD_MODEL: 'openai/none-such' });
  await server.restart();
  const wrongModel = await rest.ask(id, 'x');
  assert.equal(wrongModel.turn.error?.code, 'not_found', JSON.stringify(wrongModel.turn));
  assert.match(wrongModel.turn.error.detail, /none-such/);
});

test('a model server that is not there, and then is', options, async (t) => {
  const port = await freePort();
  const server = await Server.start(t, {
    env: { LIBREBIRD_MODEL: 'openai/scripted-1', OPENAI_API_KEY: modelKey, OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` },
  });
  const rest = await server.program();
  const { id } = await rest.conversation();
  const { turn } = await rest.ask(id, 'hello?', 60_000);
  assert.equal(turn.status, 'failed');
  assert.equal(turn.error.code, 'unavailable');
  assertClear(turn.error, 'connection refused');
  await ModelServer.start(t, { port });
  assert.equal((await rest.ask(id, 'hello?')).turn.status, 'done');
});

test('a hiccup before the first word is retried unseen', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const hiccups = [
    { fault: 'status', status: 500 }, { fault: 'status', status: 503, retryAfter: 0 },
    { fault: 'status', status: 429, retryAfter: 1 }, { fault: 'die' },
  ];
  for (const hiccup of hiccups) {
    const before = model.requests.length;
    model.queue(hiccup);
    const { turn } = await live.send(id, 'try');
    const view = await live.finished(turn.id);
    assert.equal(view.turn.status, 'done', `${JSON.stringify(hiccup)}: ${JSON.stringify(view.turn)}`);
    assert.equal(view.text, 'You said: try');
    assert.equal(model.requests.length - before, 2, JSON.stringify(hiccup));
    if (hiccup.retryAfter) {
      const [first, second] = model.requests.slice(-2);
      assert.ok(second.at - first.at >= 950, 'Retry-After is respected');
    }
  }
  assert.deepEqual(live.faults, []);
});

test('a refusal that a retry cannot mend is not retried', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  for (const status of [400, 401, 404]) {
    const before = model.requests.length;
    model.queue({ fault: 'status', status });
    assert.equal((await rest.ask(id, 'once')).turn.status, 'failed');
    assert.equal(model.requests.length - before, 1, `status ${status}`);
  }
});

test('tool calls the model got wrong are told to it, and it goes on', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const mistakes = {
    'no such tool': { name: 'launch_rocket', arguments: {} },
    'broken JSON': { name: 'calculator', arguments: '{"expression": "1+' },
    'not an object': { name: 'calculator', arguments: '[1,2]' },
    'missing argument': { name: 'calculator', arguments: {} },
    'wrong type': { name: 'calculator', arguments: { expression: { a: 1 } } },
    'no arguments at all': { name: 'calculator', arguments: '' },
    'a tool that fails': { name: 'calculator', arguments: { expression: '1/0' } },
    'far too deep': { name: 'calculator', arguments: `{"expression":${'['.repeat(5000)}${']'.repeat(5000)}}` },
  };
  for (const [what, call] of Object.entries(mistakes)) {
    model.on(what, (r) => r.toolResults.length > 0 ? `I saw: ${r.toolResults[0].content}` : { toolCalls: [call] });
    const { turn, answer } = await rest.ask(id, what);
    assert.equal(turn.status, 'done', `${what}: ${JSON.stringify(turn)}`);
    const [part] = answer.parts.filter((p) => p.type === 'tool_call');
    assert.ok(['error', 'denied'].includes(part.call.status), `${what}: ${JSON.stringify(part)}`);
    assert.match(answer.content, /^I saw: .*error/s, `${what}: ${answer.content}`);
  }
  assert.deepEqual(model.violations, [], 'the history stays within the contract');
});

test('many tool calls in one answer, out of order and interleaved, each answered once', options, async (t) => {
  const { model, rest, id, server } = await setUp(t);
  model.on('many', (r) => r.toolResults.length > 0 ? r.toolResults.map((m) => JSON.parse(m.content).result).join(' ') : {
    text: 'Counting.', argumentSize: 3,
    toolCalls: Array.from({ length: 12 }, (_, i) => ({ name: 'calculator', arguments: { expression: `${i}*${i}` } })),
  });
  const { answer } = await rest.ask(id, 'many');
  assert.equal(answer.content, 'Counting.\n\n0 1 4 9 16 25 36 49 64 81 100 121');
  const ok = (await server.calls()).filter((row) => row.outcome === 'ok');
  assert.equal(new Set(ok.map((row) => row.call_id)).size, 12);
  assert.deepEqual(model.violations, []);
});

test('a model that never stops calling tools is stopped', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  model.on('loop', { toolCalls: [{ name: 'calculator', arguments: { expression: '1+1' } }] });
  const same = await rest.ask(id, 'loop');
  assert.ok(['failed', 'done'].includes(same.turn.status));
  const first = model.requests.length;
  assert.ok(first < 60, `stopped after ${first} requests`);
  model.on('spiral', () => ({
    toolCalls: [{ name: 'calculator', arguments: { expression: `${model.requests.length}+1` } }],
  }));
  const different = await rest.ask(id, 'spiral');
  assert.ok(['failed', 'done'].includes(different.turn.status));
  assert.ok(model.requests.length - first < 100, 'the step limit holds');
  assert.equal((await rest.ask(id, 'are you well?')).turn.status, 'done');
  assert.deepEqual(model.violations, []);
});

test('a huge answer is whole or refused, never silently cut', options, async (t) => {
  const { model, rest, id, server } = await setUp(t);
  const text = 'a long line of an answer that goes on. '.repeat(20_000); // 780 kB
  model.on('long', { text, size: 2000 });
  const { turn, answer } = await rest.ask(id, 'long');
  if (turn.status === 'done') assert.equal(answer.content, text);
  else assertClear(turn.error, 'long');
  model.on('endless', { tokens: endless(), size: 1 });
  const over = await rest.ask(id, 'endless', 60_000);
  assert.ok(['failed', 'done'].includes(over.turn.status));
  if (over.turn.status === 'failed') assertClear(over.turn.error, 'endless');
  else assert.equal(over.answer.content.length, 64 * 1024 * 1024, 'nothing of it was lost');
  assert.ok(server.process.running);
  await until('the model server to be left alone', () => model.active === 0);
  assert.equal((await rest.ask((await rest.conversation()).id, 'are you well?')).turn.status, 'done');
});

function* endless() {
  for (let i = 0; i < 1024; i++) yield 'x'.repeat(64 * 1024);
}

test('odd but legal streams are understood', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const event = (stream, delta, finish) => stream.chunk(delta, finish);
  model.on('odd', {
    drive: async (stream) => {
      // Comments, CRLF, an event split inside a character and inside a line, keys nobody knows, no space after "data:".
      const all = Buffer.from(
        ': keep-alive\r\n\r\n' + event(stream, { role: 'assistant' }).replaceAll('\n', '\r\n') +
        event(stream, { content: 'Grüße 🐦 ', invented: 1 }) + 'event: message\nid: 7\n' +
        event(stream, { content: 'aus 世界' }).replace('data: ', 'data:') + event(stream, { content: null }) +
        event(stream, {}, 'stop') + 'data: [DONE]\n\n');
      for (let i = 0; i < all.length; i += 5) {
        stream.raw(all.subarray(i, i + 5));
        await new Promise((resolve) => setImmediate(resolve));
      }
      stream.cut();
    },
  });
  const { answer, turn } = await rest.ask(id, 'odd');
  assert.equal(turn.status, 'done', JSON.stringify(turn));
  assert.equal(answer.content, 'Grüße 🐦 aus 世界');
});
