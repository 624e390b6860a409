// A scripted, strict, OpenAI-compatible model server (Chat Completions and the list of models).
//
//   const model = await ModelServer.start(t);
//   model.on(/weather/, { toolCalls: [{ name: 'get_weather', arguments: { location: 'Oslo' } }] });
//   model.on((r) => r.toolResults.length > 0, 'It is cold.');
//   const hold = model.hold(/slow/);            // the test pushes the tokens itself
//   await hold.started; hold.send('one '); hold.finish(); await hold.closed;
//
// A rule is tried newest first; a queued reply (model.queue) goes before all rules. A reply is a text, an object
// {text | tokens, toolCalls, fault, ...} or a function of the request that returns one of the two.
import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { atEnd } from './at_end.mjs';
import { brokenRule } from './model_contract.mjs';
import { deferred, pause } from './poll.mjs';

export const modelKey = 'sk-model-server-secret-0123456789';
export const modelName = 'scripted-1';

const largestBody = 64 * 1024 * 1024;

export class ModelServer {
  requests = []; // every well-formed request, in order: {body, headers, lastUser, toolResults, aborted, done}
  violations = []; // sentences; a test that cares asserts that it is empty
  connections = 0;
  active = 0;
  mostActive = 0;
  #rules = [];
  #queue = [];

  static async start(t, { port = 0 } = {}) {
    const server = new ModelServer();
    server.http = http.createServer({ maxHeaderSize: 64 * 1024 }, (req, res) => {
      server.#serve(req, res).catch((error) => {
        server.violations.push(`model server failed: ${error.stack}`);
        res.destroy();
      });
    });
    server.http.on('connection', () => server.connections++);
    await new Promise((resolve, reject) => {
      server.http.once('error', reject);
      server.http.listen(port, '127.0.0.1', resolve);
    });
    server.port = server.http.address().port;
    server.url = `http://127.0.0.1:${server.port}/v1`;
    atEnd(t, () => server.stop());
    return server;
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  /** What a Libre Bird process needs in its environment to use this server. */
  env() {
    return { LIBREBIRD_MODEL: `openai/${modelName}`, OPENAI_BASE_URL: this.url, OPENAI_API_KEY: modelKey };
  }

  /** `match`: text or pattern found in the last user message, or a predicate of the request. */
  on(match, reply) {
    this.#rules.unshift({ match, reply });
    return this;
  }

  queue(...replies) {
    this.#queue.push(...replies);
    return this;
  }

  reset() {
    this.#rules = [];
    this.#queue = [];
    this.requests = [];
    this.violations = [];
    this.mostActive = this.active;
    return this;
  }

  /** A reply whose tokens the test sends by hand; for the next matching request only unless `every`. */
  hold(match, { every = false } = {}) {
    const started = deferred();
    const closed = deferred();
    const hold = { started: started.promise, closed: closed.promise, requests: [], stream: null, used: false };
    const when = (request) => (every || !hold.used) && matches(match, request);
    hold.send = (text) => hold.stream.text(text);
    hold.finish = () => hold.stream.end();
    hold.die = () => hold.stream.die();
    this.on(when, {
      drive: async (stream, request) => {
        hold.used = true;
        hold.stream = stream;
        hold.requests.push(request);
        stream.closed.then(() => closed.resolve(request));
        started.resolve(request);
        await stream.closed;
      },
    });
    return hold;
  }

  async #serve(req, res) {
    const url = new URL(req.url, this.url);
    if (url.pathname === '/v1/models' && req.method === 'GET') {
      if (!this.#authorized(req)) return refuse(res, 401, 'Incorrect API key provided.', 'invalid_api_key');
      return json(res, 200, {
        object: 'list',
        data: [{ id: modelName, object: 'model', created: 1_700_000_000, owned_by: 'tests' }],
      });
    }
    if (url.pathname !== '/v1/chat/completions') {
      this.violations.push(`${req.method} ${req.url} is not part of the API`);
      return refuse(res, 404, `Invalid URL (${req.method} ${url.pathname})`, null);
    }
    if (req.method !== 'POST') {
      this.violations.push(`${req.method} on chat completions`);
      return refuse(res, 405, 'Only POST is accepted.', null);
    }
    const raw = await readAll(req);
    if (!this.#authorized(req)) return refuse(res, 401, 'Incorrect API key provided.', 'invalid_api_key');
    let body;
    let broken = /^application\/json\b/i.test(req.headers['content-type'] ?? '') ? null : 'Content-Type must be JSON';
    try {
      body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
    } catch (error) {
      broken = `the body is not JSON in UTF-8: ${error.message}`;
    }
    broken ??= brokenRule(body);
    if (broken) {
      this.violations.push(broken);
      return refuse(res, 400, broken, 'invalid_request');
    }
    await this.#answer(new Request(req, body), res);
  }

  #authorized(req) {
    return req.headers.authorization === `Bearer ${modelKey}`;
  }

  async #answer(request, res) {
    this.requests.push(request);
    this.active++;
    this.mostActive = Math.max(this.mostActive, this.active);
    const stream = new Reply(request, res);
    stream.closed.then(() => {
      this.active--;
      request.done = true;
    });
    let reply = this.#queue.length > 0 ? this.#queue.shift() : undefined;
    reply ??= this.#rules.find((rule) => matches(rule.match, request))?.reply ?? `You said: ${request.lastUser}`;
    while (typeof reply === 'function') reply = await reply(request);
    if (typeof reply === 'string') reply = { text: reply };
    if (request.body.model !== modelName && !reply.anyModel) {
      return stream.refuse(404, `The model '${request.body.model}' does not exist.`, 'model_not_found');
    }
    if (reply.drive) return reply.drive(stream, request);
    return play(stream, reply);
  }
}

/** One request, with what scripts ask about most. */
class Request {
  constructor(req, body) {
    this.at = Date.now();
    this.headers = req.headers;
    this.body = body;
    this.messages = body.messages;
    const last = body.messages.map((m) => m.role).lastIndexOf('user');
    this.lastUser = last < 0 ? '' : textOf(body.messages[last].content);
    this.toolResults = body.messages.slice(last + 1).filter((m) => m.role === 'tool');
    this.tools = (body.tools ?? []).map((tool) => tool.function.name);
    this.aborted = false; // the client went away before the answer was complete
    this.done = false;
  }
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''));

function matches(match, request) {
  if (typeof match === 'function') return match(request);
  if (match instanceof RegExp) return match.test(request.lastUser);
  return request.lastUser.includes(match);
}

/** An answer on its way: as events when the client asked for a stream, else collected and sent at the end. */
class Reply {
  #text = '';
  #calls = [];
  #over = false;

  constructor(request, res) {
    this.request = request;
    this.res = res;
    this.streaming = request.body.stream === true;
    this.id = `chatcmpl-${randomBytes(12).toString('hex')}`;
    this.created = Math.floor(Date.now() / 1000);
    const gone = deferred();
    this.closed = gone.promise;
    res.on('close', () => {
      if (!this.#over) request.aborted = true;
      gone.resolve();
    });
  }

  get open() {
    return !this.res.destroyed && !this.res.writableEnded;
  }

  /** Bytes as they are, after the headers of an event stream. */
  raw(bytes) {
    if (!this.open) return;
    if (!this.res.headersSent) {
      this.res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    }
    this.res.write(bytes);
  }

  chunk(delta, finish = null, extra = {}) {
    const event = {
      id: this.id,
      object: 'chat.completion.chunk',
      created: this.created,
      model: this.request.body.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...extra,
    };
    if (this.request.body.stream_options?.include_usage) event.usage ??= null;
    return `data: ${JSON.stringify(event)}\n\n`;
  }

  begin() {
    if (this.streaming && !this.res.headersSent) this.raw(this.chunk({ role: 'assistant', content: '' }));
  }

  text(text) {
    this.#text += text;
    if (!this.streaming) return;
    this.begin();
    this.raw(this.chunk({ content: text }));
  }

  /** Name first, then the arguments in pieces of `size` characters; several calls interleave by index. */
  toolCalls(calls, { size = 7, half = false } = {}) {
    const whole = calls.map((call, index) => ({
      id: call.id ?? `call_${randomBytes(12).toString('hex')}`,
      type: 'function',
      function: {
        name: call.name,
        arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments ?? {}),
      },
      index,
    }));
    this.#calls = whole.map(({ index: _, ...call }) => call);
    if (!this.streaming) return;
    this.begin();
    for (const { index, id, function: f } of whole) {
      this.raw(this.chunk({
        tool_calls: [{ index, id, type: 'function', function: { name: f.name, arguments: '' } }],
      }));
    }
    const longest = Math.max(...whole.map((call) => call.function.arguments.length));
    for (let from = 0; from < (half ? longest / 2 : longest); from += size) {
      for (const { index, function: f } of whole) {
        const piece = f.arguments.slice(from, from + size);
        if (piece) this.raw(this.chunk({ tool_calls: [{ index, function: { arguments: piece } }] }));
      }
    }
  }

  end({ finish, usage, done = true } = {}) {
    if (!this.open) return;
    this.#over = true;
    const reason = finish ?? (this.#calls.length > 0 ? 'tool_calls' : 'stop');
    const tokens = usage ?? countUsage(this.request.body, this.#text, this.#calls);
    if (!this.streaming) {
      const message = { role: 'assistant', content: this.#text || null, refusal: null };
      if (this.#calls.length > 0) message.tool_calls = this.#calls;
      json(this.res, 200, {
        id: this.id,
        object: 'chat.completion',
        created: this.created,
        model: this.request.body.model,
        choices: [{ index: 0, message, logprobs: null, finish_reason: reason }],
        usage: tokens,
      });
      return;
    }
    this.begin();
    this.raw(this.chunk({}, reason));
    if (this.request.body.stream_options?.include_usage) this.raw(this.chunk({}, null, { choices: [], usage: tokens }));
    if (done) this.raw('data: [DONE]\n\n');
    this.res.end();
  }

  /** A polite end of the body without the events that should come before it. */
  cut() {
    this.#over = true;
    this.res.end();
  }

  /** The connection breaks without a goodbye. */
  die() {
    this.#over = true;
    this.res.socket?.destroy();
  }

  refuse(status, message, code, headers = {}) {
    this.#over = true;
    refuse(this.res, status, message, code, headers);
  }
}

async function play(stream, reply) {
  const { fault, text, toolCalls, delayMs = 0, everyMs = 0 } = reply;
  if (delayMs) await Promise.race([pause(delayMs), stream.closed]);
  if (fault && (await playFault(stream, fault, reply))) return;
  const tokens = reply.tokens ?? (text === undefined ? [] : split(text, reply.size ?? 12));
  for (const token of tokens) {
    if (!stream.open) return;
    stream.text(token);
    if (everyMs) await Promise.race([pause(everyMs), stream.closed]);
    else if (stream.res.writableNeedDrain) await drained(stream);
  }
  if (toolCalls?.length) stream.toolCalls(toolCalls, { size: reply.argumentSize ?? 7 });
  stream.end(reply);
}

/** True when the fault is the whole answer. */
async function playFault(stream, fault, reply) {
  switch (fault) {
    case 'status':
      stream.refuse(reply.status, reply.message ?? `status ${reply.status} on purpose`, reply.code ?? null,
        reply.retryAfter === undefined ? {} : { 'retry-after': String(reply.retryAfter) });
      return true;
    case 'hang': // accepts the request and never says a word
      await stream.closed;
      return true;
    case 'hang_mid_stream':
      stream.text(reply.text ?? 'half of ');
      await stream.closed;
      return true;
    case 'die': // before the first byte
      stream.die();
      return true;
    case 'die_mid_stream':
      stream.text(reply.text ?? 'half of ');
      await new Promise((resolve) => stream.res.write('', resolve));
      stream.die();
      return true;
    case 'end_early': // a polite end of the body, but no finish_reason and no [DONE]
      stream.text(reply.text ?? 'half of ');
      stream.cut();
      return true;
    case 'garbage': // an event stream of nonsense
      stream.raw('data: {"choices":[{"delta":{"content":"ok "}}\n\ndata: \u0000\u0001 not json at all\n\n');
      stream.raw(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x0a, 0x0a]));
      stream.cut();
      return true;
    case 'html': // what a wrong OPENAI_BASE_URL or a proxy answers
      stream.res.writeHead(200, { 'content-type': 'text/html' });
      stream.res.end('<!doctype html><html><body>Welcome to nginx!</body></html>');
      return true;
    case 'not_http':
      stream.res.socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      return true;
    case 'half_tool_call': // the stream dies inside the arguments
      stream.toolCalls(reply.toolCalls, { half: true });
      await new Promise((resolve) => stream.res.write('', resolve));
      stream.die();
      return true;
    case 'error_event': // an error object inside a 200 stream, as several servers do
      stream.text('half of ');
      stream.raw(`data: ${JSON.stringify({ error: { message: 'overloaded', type: 'server_error', code: 500 } })}\n\n`);
      stream.cut();
      return true;
    default:
      throw new Error(`unknown fault ${fault}`);
  }
}

function split(text, size) {
  const characters = [...text];
  const pieces = [];
  for (let i = 0; i < characters.length; i += size) pieces.push(characters.slice(i, i + size).join(''));
  return pieces;
}

const drained = (stream) =>
  Promise.race([new Promise((resolve) => stream.res.once('drain', resolve)), stream.closed]);

function countUsage(body, text, calls) {
  const words = (s) => s.split(/\s+/).filter(Boolean).length;
  const prompt = body.messages.reduce((sum, m) => sum + words(textOf(m.content ?? '')), 0) + 3;
  const completion = words(text) + calls.reduce((sum, call) => sum + words(call.function.arguments) + 1, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

async function readAll(req) {
  const pieces = [];
  let size = 0;
  for await (const piece of req) {
    size += piece.length;
    if (size > largestBody) throw new Error('request body over 64 MiB');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function json(res, status, value, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(value));
}

function refuse(res, status, message, code, headers = {}) {
  const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error';
  json(res, status, { error: { message, type, param: null, code } }, headers);
}
