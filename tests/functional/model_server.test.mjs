// The scripted model server is itself qualified here, by the official client, before any other test relies on it.
import test from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import OpenAI from 'openai';
import { ModelServer, modelKey, modelName } from './lib/model_server.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 20_000 };
const user = (content) => [{ role: 'user', content }];
const weather = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { location: { type: 'string' } } } },
};

async function setUp(t, clientOptions = {}) {
  const model = await ModelServer.start(t);
  const client = new OpenAI({ baseURL: model.url, apiKey: modelKey, maxRetries: 0, timeout: 10_000, ...clientOptions });
  const ask = (body) => client.chat.completions.create({ model: modelName, ...body });
  return { model, client, ask };
}

test('a plain answer, whole and streamed, is the same text', options, async (t) => {
  const { model, ask } = await setUp(t);
  const text = 'Grüße, 世界! 🐦 '.repeat(40);
  model.on('hello', text);
  const whole = await ask({ messages: user('hello') });
  assert.equal(whole.choices[0].message.content, text);
  assert.equal(whole.choices[0].finish_reason, 'stop');
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);

  let streamed = '';
  let usage;
  let emptyChoices = 0;
  const stream = await ask({ messages: user('hello'), stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) {
    if (chunk.choices.length === 0) {
      emptyChoices++;
      usage = chunk.usage;
    }
    streamed += chunk.choices[0]?.delta.content ?? '';
  }
  assert.equal(streamed, text);
  assert.equal(emptyChoices, 1, 'one usage chunk with empty choices');
  assert.deepEqual(usage, whole.usage);
  assert.deepEqual(model.violations, []);
});

test('without include_usage there is no usage chunk', options, async (t) => {
  const { ask } = await setUp(t);
  for await (const chunk of await ask({ messages: user('x'), stream: true })) {
    assert.equal(chunk.choices.length, 1);
    assert.equal(chunk.usage, undefined);
  }
});

test('tool calls come by index, in argument fragments, and their results are accepted', options, async (t) => {
  const { model, client, ask } = await setUp(t);
  model.on('weather', (r) => r.toolResults.length === 2
    ? `Oslo ${r.toolResults[0].content}, Rome ${r.toolResults[1].content}`
    : { toolCalls: ['Oslo', 'Rome'].map((location) => ({ name: 'get_weather', arguments: { location } })) });
  const raw = await ask({ messages: user('weather'), tools: [weather], stream: true });
  const indexes = [];
  for await (const chunk of raw) for (const call of chunk.choices[0]?.delta.tool_calls ?? []) indexes.push(call.index);
  assert.ok(indexes.filter((i) => i === 0).length > 2, 'the arguments are in fragments');
  assert.notDeepEqual(indexes, [...indexes].sort(), 'the two calls interleave');

  const runner = client.chat.completions.stream({ model: modelName, messages: user('weather'), tools: [weather] });
  const first = (await runner.finalChatCompletion()).choices[0];
  assert.equal(first.finish_reason, 'tool_calls');
  assert.deepEqual(first.message.tool_calls.map((c) => JSON.parse(c.function.arguments).location), ['Oslo', 'Rome']);
  const messages = [...user('weather'), first.message,
    ...first.message.tool_calls.map((call, i) => ({ role: 'tool', tool_call_id: call.id, content: `${i} degrees` }))]
    .map(({ parsed: _, ...message }) => ({
      ...message,
      ...(message.tool_calls && {
        tool_calls: message.tool_calls.map(({ id, type, function: f }) =>
          ({ id, type, function: { name: f.name, arguments: f.arguments } })),
      }),
    }));
  const last = await ask({ messages, tools: [weather] });
  assert.equal(last.choices[0].message.content, 'Oslo 0 degrees, Rome 1 degrees');
  assert.deepEqual(model.violations, []);
});

test('the list of models, and a wrong key, model or address', options, async (t) => {
  const { model, client, ask } = await setUp(t);
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.deepEqual(ids, [modelName]);
  await assert.rejects(ask({ model: 'nope', messages: user('x') }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ baseURL: model.url, apiKey: 'wrong', maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create({ model: modelName, messages: user('x') }),
    OpenAI.AuthenticationError);
  await assert.rejects(client.get('/nothing'), OpenAI.NotFoundError);
});

test('requests that break the contract are refused and remembered', options, async (t) => {
  const { model, ask } = await setUp(t);
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
  const broken = [
    { messages: [] },
    { messages: [{ role: 'robot', content: 'x' }] },
    { messages: user('x'), tools: [] },
    { messages: user('x'), tool_choice: 'auto' },
    { messages: user('x'), temperature: 3 },
    { messages: user('x'), stream_options: { include_usage: true } },
    { messages: user('x'), invented: 1 },
    { messages: user('x'), tools: [weather, weather] },
    { messages: user('x'), tools: [{ ...weather, function: { ...weather.function, name: 'no spaces' } }] },
    { messages: [...user('x'), { role: 'tool', tool_call_id: 'c1', content: 'y' }] },
    { messages: [...user('x'), { role: 'assistant', content: null, tool_calls: [call] }] },
    { messages: [...user('x'), { role: 'assistant', content: null, tool_calls: [call] }, ...user('y')] },
    { messages: [...user('x'), { role: 'assistant', content: null, tool_calls: [call, call] }] },
    { messages: [{ role: 'user', content: 'broken \ud800 text' }] },
  ];
  for (const [i, body] of broken.entries()) {
    await assert.rejects(ask(body), OpenAI.BadRequestError, JSON.stringify(body));
    assert.equal(model.violations.length, i + 1, JSON.stringify(body));
  }
  assert.equal(model.requests.length, 0, 'none of them was answered');
});

test('status faults have the vendor\'s shape, and a retry can follow', options, async (t) => {
  const { model, client, ask } = await setUp(t, { maxRetries: 0 });
  const faults = { 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError, 401: OpenAI.AuthenticationError };
  for (const [status, kind] of Object.entries(faults)) {
    model.queue({ fault: 'status', status: Number(status), retryAfter: 7 });
    await assert.rejects(ask({ messages: user('x') }), (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.equal(error.headers.get('retry-after'), '7');
      return true;
    });
  }
  model.queue({ fault: 'status', status: 500 }, 'at last');
  const patient = client.withOptions({ maxRetries: 1 });
  const answer = await patient.chat.completions.create({ model: modelName, messages: user('x') });
  assert.equal(answer.choices[0].message.content, 'at last');
});

test('stream faults break the official client as well', options, async (t) => {
  const { model, ask } = await setUp(t);
  const toolCalls = [{ name: 'get_weather', arguments: { location: 'Oslo' } }];
  for (const fault of ['die', 'die_mid_stream', 'garbage', 'half_tool_call', 'error_event', 'not_http']) {
    model.queue({ fault, toolCalls });
    await assert.rejects(async () => {
      for await (const _ of await ask({ messages: user('x'), stream: true, tools: [weather] })) void _;
    }, Error, fault);
  }
  await until('all connections to be over', () => model.active === 0);
});

test('a hang is noticed by nobody but the clock, and the abort by the server', options, async (t) => {
  const { model, client } = await setUp(t);
  for (const fault of ['hang', 'hang_mid_stream']) {
    model.queue({ fault });
    const abort = new AbortController();
    const asked = client.chat.completions
      .create({ model: modelName, messages: user('x'), stream: true }, { signal: abort.signal })
      .then(async (stream) => {
        for await (const _ of stream) void _;
      });
    await until('the request to arrive', () => model.requests.at(-1) && !model.requests.at(-1).done);
    abort.abort();
    await asked.catch(() => {});
    await until('the server to notice', () => model.requests.at(-1).aborted, 1000);
    assert.equal(model.active, 0);
    model.reset();
  }
});

test('a held answer is sent token by token by the test', options, async (t) => {
  const { model, ask } = await setUp(t);
  const hold = model.hold('slow');
  const stream = await within('headers', (async () => {
    const asked = ask({ messages: user('slow please'), stream: true });
    await hold.started;
    hold.send('one ');
    return asked;
  })());
  const got = [];
  const reading = (async () => {
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) got.push(chunk.choices[0].delta.content);
  })();
  await until('the first token', () => got.length === 1);
  hold.send('two');
  await until('the second token', () => got.length === 2);
  hold.finish();
  await reading;
  assert.equal((await hold.closed).aborted, false);
  assert.deepEqual(got, ['one ', 'two']);
});

test('a huge answer respects the pace of the reader and arrives whole', options, async (t) => {
  const { model, ask } = await setUp(t);
  model.on('huge', { text: 'x'.repeat(4 * 1024 * 1024), size: 4096 });
  let length = 0;
  for await (const chunk of await ask({ messages: user('huge'), stream: true })) {
    length += chunk.choices[0]?.delta.content?.length ?? 0;
  }
  assert.equal(length, 4 * 1024 * 1024);
});

test('broken JSON and the wrong content type are refused', options, async (t) => {
  const { model } = await setUp(t);
  const post = (body, type) => new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${modelKey}`, 'content-type': type };
    const req = http.request(`${model.url}/chat/completions`, { method: 'POST', headers }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    req.on('error', reject);
    req.end(body);
  });
  const good = JSON.stringify({ model: modelName, messages: user('x') });
  assert.equal(await post(good, 'application/json'), 200);
  assert.equal(await post(good.slice(0, -1), 'application/json'), 400);
  assert.equal(await post(good, 'text/plain'), 400);
  assert.equal(await post(Buffer.from(good.replace('x', '\u00ff'), 'latin1'), 'application/json'), 400);
  assert.equal(model.violations.length, 3);
});
