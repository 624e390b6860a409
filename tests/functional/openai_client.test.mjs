// The official OpenAI client against /v1, as somebody's existing program would use it.
import test from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { Server } from './lib/harness.mjs';
import { ModelServer, modelName } from './lib/model_server.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 60_000 };
const user = (content) => [{ role: 'user', content }];
const stock = {
  type: 'function',
  function: {
    name: 'stock_of', description: 'How many of an article are in store.',
    parameters: { type: 'object', properties: { article: { type: 'string' } }, required: ['article'] },
  },
};

async function setUp(t, { demo = false } = {}) {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: demo ? {} : model.env() });
  const client = new OpenAI({
    baseURL: `${server.url}/v1`, apiKey: await server.apiKey('openai client'), maxRetries: 0, timeout: 30_000,
  });
  const name = demo ? undefined : `openai/${modelName}`;
  const models = [];
  for await (const one of client.models.list()) models.push(one);
  return { model, server, client, name: name ?? models[0].id, models };
}

async function collect(stream) {
  const all = { text: '', chunks: [], finish: undefined, usage: undefined, calls: [] };
  for await (const chunk of stream) {
    all.chunks.push(chunk);
    if (chunk.usage) all.usage = chunk.usage;
    const [choice] = chunk.choices;
    all.text += choice?.delta.content ?? '';
    all.finish ??= choice?.finish_reason ?? undefined;
    for (const piece of choice?.delta.tool_calls ?? []) {
      const call = (all.calls[piece.index] ??= { id: '', name: '', arguments: '' });
      call.id += piece.id ?? '';
      call.name += piece.function?.name ?? '';
      call.arguments += piece.function?.arguments ?? '';
    }
  }
  return all;
}

test('the list of models', options, async (t) => {
  const { models, client } = await setUp(t);
  assert.ok(models.some((m) => m.id === `openai/${modelName}`), JSON.stringify(models));
  for (const one of models) {
    assert.equal(one.object, 'model');
    assert.equal(typeof one.owned_by, 'string');
    assert.ok(Number.isInteger(one.created));
  }
  assert.equal(new Set(models.map((m) => m.id)).size, models.length);
  await assert.rejects(client.chat.completions.create({ model: 'no/such-model', messages: user('x') }),
    (error) => error instanceof OpenAI.NotFoundError || error instanceof OpenAI.BadRequestError);
});

test('an answer in one piece', options, async (t) => {
  const { client, name, model } = await setUp(t);
  const answer = await client.chat.completions.create({
    model: name, temperature: 0.25, max_tokens: 77,
    messages: [{ role: 'system', content: 'Be brief.' }, ...user('Grüße 🐦')],
  });
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.equal(answer.choices[0].message.content, 'You said: Grüße 🐦');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  const [asked] = model.requests;
  assert.equal(asked.body.temperature, 0.25);
  assert.equal(asked.body.max_tokens ?? asked.body.max_completion_tokens, 77);
  assert.ok(JSON.stringify(asked.messages).includes('Be brief.'), 'the caller\'s instructions reach the model');
  assert.deepEqual(model.violations, []);
});

test('a streamed answer, with and without usage', options, async (t) => {
  const { client, name, model, server } = await setUp(t);
  const text = 'Ein längerer Text über Vögel 🐦, '.repeat(50);
  model.on('long', { text, size: 60, everyMs: 2 });
  const ask = (extra) => client.chat.completions.create({ model: name, messages: user('long'), stream: true, ...extra });
  const plain = await collect(await ask());
  assert.equal(plain.text, text);
  assert.equal(plain.finish, 'stop');
  assert.ok(plain.chunks.length > 5, 'it streams'); // words that arrive together may leave together
  assert.equal(plain.usage, undefined);
  assert.equal(plain.chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(new Set(plain.chunks.map((c) => c.id)).size, 1);
  const counted = await collect(await ask({ stream_options: { include_usage: true } }));
  assert.equal(counted.text, text);
  assert.ok(counted.usage.completion_tokens > 0);
  assert.deepEqual(counted.chunks.at(-1).choices, [], 'the usage comes last, without a choice');
  const begun = Date.now();
  assert.equal((await server.stop()).code, 0);
  assert.ok(Date.now() - begun < 1500, 'the connection that the client keeps does not hold up the end');
});

test('it streams while the model still speaks', options, async (t) => {
  const { client, name, model } = await setUp(t);
  const hold = model.hold('live');
  const asked = client.chat.completions.create({ model: name, messages: user('live'), stream: true });
  await within('the model request', hold.started);
  hold.send('first ');
  let text = '';
  const reading = (async () => {
    for await (const chunk of await asked) text += chunk.choices[0]?.delta.content ?? '';
  })();
  await until('the first word', () => text === 'first ');
  hold.send('second');
  hold.finish();
  await reading;
  assert.equal(text, 'first second');
});

test('our own tools run here, contained, before the answer comes', options, async (t) => {
  const { client, name, model, server } = await setUp(t);
  model.on('percent', (r) => r.toolResults.length > 0
    ? `It is ${JSON.parse(r.toolResults[0].content).result}.`
    : { text: 'Let me see. ', toolCalls: [{ name: 'calculator', arguments: { expression: '2340*0.175' } }] });
  const whole = await client.chat.completions.create({ model: name, messages: user('percent') });
  assert.match(whole.choices[0].message.content, /It is 409\.5\.$/);
  assert.equal(whole.choices[0].finish_reason, 'stop');
  assert.equal(whole.choices[0].message.tool_calls, undefined, 'the caller is not bothered with our calls');
  const streamed = await collect(await client.chat.completions.create(
    { model: name, messages: user('percent'), stream: true, stream_options: { include_usage: true } }));
  assert.match(streamed.text, /It is 409\.5\.$/);
  assert.equal(streamed.finish, 'stop');
  assert.deepEqual(streamed.calls, []);
  assert.equal((await server.calls()).filter((r) => r.tool === 'calculator' && r.outcome === 'ok').length, 2);
  assert.ok(model.requests[0].tools.includes('calculator'));
  assert.deepEqual(model.violations, []);
});

test('the caller\'s tools go back to the caller, and the results to the model', options, async (t) => {
  const { client, name, model, server } = await setUp(t);
  model.on('stock', (r) => r.toolResults.length > 0
    ? `There are ${r.toolResults.map((m) => m.content).join(' and ')}.`
    : { toolCalls: ['nails', 'screws'].map((article) => ({ name: 'stock_of', arguments: { article } })) });
  for (const stream of [false, true]) {
    const before = model.requests.length;
    const base = { model: name, tools: [stock], tool_choice: 'auto' };
    let calls;
    if (stream) {
      const first = await collect(await client.chat.completions.create({ ...base, messages: user('stock'), stream }));
      assert.equal(first.finish, 'tool_calls');
      calls = first.calls.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: c.arguments } }));
    } else {
      const [choice] = (await client.chat.completions.create({ ...base, messages: user('stock') })).choices;
      assert.equal(choice.finish_reason, 'tool_calls');
      calls = choice.message.tool_calls;
    }
    assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments).article), ['nails', 'screws']);
    assert.deepEqual(model.requests[before].tools, ['stock_of'], 'only the caller\'s tools are offered');
    const messages = [...user('stock'), { role: 'assistant', content: null, tool_calls: calls },
      ...calls.map((call, i) => ({ role: 'tool', tool_call_id: call.id, content: `${i + 3}` }))];
    const [last] = (await client.chat.completions.create({ ...base, messages })).choices;
    assert.equal(last.message.content, 'There are 3 and 4.');
  }
  assert.deepEqual(await server.calls(), [], 'nothing of it ran here');
  assert.deepEqual(model.violations, []);
});

test('the client\'s own tool runner works', options, async (t) => {
  const { client, name, model } = await setUp(t);
  model.on('stock', (r) => r.toolResults.length > 0 ? `There are ${r.toolResults[0].content}.`
    : { toolCalls: [{ name: 'stock_of', arguments: { article: 'nails' } }] });
  const asked = [];
  const runner = client.chat.completions.runTools({
    model: name, messages: user('stock'),
    tools: [{ ...stock, function: { ...stock.function, parse: JSON.parse, function: (x) => asked.push(x) && '17' } }],
  });
  assert.equal(await runner.finalContent(), 'There are 17.');
  assert.deepEqual(asked, [{ article: 'nails' }]);
});

test('errors have the shape the client knows', options, async (t) => {
  const { client, name, model, server } = await setUp(t);
  const bad = client.withOptions({ apiKey: 'lb_wrong' });
  await assert.rejects(bad.models.list(), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.status, 401);
    assert.ok(error.error.message.length > 10);
    assert.equal(typeof error.error.type, 'string');
    assert.ok('param' in error.error && 'code' in error.error);
    return true;
  });
  for (const body of [
    { messages: [] }, {}, { messages: 'x' }, { messages: [{ role: 'robot', content: 'x' }] },
    { messages: [...user('x'), { role: 'tool', tool_call_id: 'none', content: 'x' }] },
    { messages: user('x'), temperature: 'hot' }, { messages: user('x'), tools: 'x' }, { messages: user('x'), n: 2 },
  ]) {
    await assert.rejects(client.chat.completions.create({ model: name, ...body }), OpenAI.BadRequestError,
      JSON.stringify(body));
  }
  model.queue(...Array(6).fill({ fault: 'status', status: 429, retryAfter: 1800 }));
  await assert.rejects(client.chat.completions.create({ model: name, messages: user('x') }), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError, String(error));
    assert.match(error.headers.get('retry-after') ?? '', /^\d+$/);
    return true;
  });
  model.reset().on('x', { fault: 'die_mid_stream' });
  await assert.rejects(async () => {
    await collect(await client.chat.completions.create({ model: name, messages: user('x'), stream: true }));
  }, 'a stream that breaks is not mistaken for a whole answer');
  assert.ok(server.process.running);
});

test('a caller that hangs up ends the model request', options, async (t) => {
  const { client, name, model } = await setUp(t);
  for (const stream of [true, false]) {
    const hold = model.hold('abort');
    const abort = new AbortController();
    const asked = (async () => {
      const answer = await client.chat.completions.create({ model: name, messages: user('abort'), stream },
        { signal: abort.signal });
      if (stream) await collect(answer);
    })();
    asked.catch(() => {});
    await within('the model request', hold.started);
    hold.send('some ');
    abort.abort();
    assert.equal((await within('the model to be left alone', hold.closed, 2000)).aborted, true, `stream: ${stream}`);
    await asked.catch(() => {});
  }
});

test('the demo model answers the official client as well, and says what it is', options, async (t) => {
  const { client, name, server } = await setUp(t, { demo: true });
  const streamed = await collect(await client.chat.completions.create({
    model: name, stream: true, messages: user('What is 17.5% of 2340, and what is today\'s date?'),
  }));
  assert.match(streamed.text, /409\.5/);
  assert.match(streamed.text, /demo/i, 'it says that it is no real model');
  const listed = (await client.models.list()).data.map((m) => m.id);
  assert.ok(listed.some((id) => /demo/.test(id)), listed.join(' '));
  const used = (await server.calls()).filter((row) => row.outcome === 'ok').map((row) => row.tool);
  assert.deepEqual(used.sort(), ['calculator', 'get_datetime']);
});

test('many callers at once', options, async (t) => {
  const { client, name } = await setUp(t);
  const answers = await Promise.all(Array.from({ length: 24 }, (_, i) =>
    client.chat.completions.create({ model: name, messages: user(`caller ${i}`) })));
  answers.forEach((answer, i) => assert.equal(answer.choices[0].message.content, `You said: caller ${i}`));
});
