// A plain HTTP client over node:http: every header and byte can be chosen, nothing is followed or retried.
import http from 'node:http';
import net from 'node:net';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { until, within } from './poll.mjs';
import { readEvents } from './sse.mjs';

const agent = new http.Agent({ keepAlive: false });

export const newId = () => randomUUID();

export class Rest {
  constructor(url, headers = {}) {
    this.url = url;
    this.headers = headers;
  }

  with(headers) {
    const merged = { ...this.headers, ...headers };
    for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key];
    return new Rest(this.url, merged);
  }

  get(path, headers) {
    return this.request('GET', path, undefined, headers);
  }
  post(path, body, headers) {
    return this.request('POST', path, body, headers);
  }
  put(path, body, headers) {
    return this.request('PUT', path, body, headers);
  }
  patch(path, body, headers) {
    return this.request('PATCH', path, body, headers);
  }
  delete(path, headers) {
    return this.request('DELETE', path, undefined, headers);
  }

  /** `body`: a value (sent as JSON), a string or Buffer (sent as it is), or a readable stream (sent as it comes). */
  request(method, path, body, headers = {}, { ms = 30_000 } = {}) {
    return within(`${method} ${path}`, new Promise((resolve, reject) => {
      const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
      const stream = body instanceof Readable ? body : undefined;
      const bytes = body === undefined || stream ? undefined : Buffer.from(raw ? body : JSON.stringify(body));
      const all = { ...this.headers };
      if (bytes) all['content-type'] = 'application/json';
      Object.assign(all, headers);
      for (const key of Object.keys(all)) if (all[key] === undefined) delete all[key];
      if (bytes && all['content-length'] === undefined && all['transfer-encoding'] === undefined) {
        all['content-length'] = bytes.length;
      }
      const req = http.request(this.url + path, { method, headers: all, agent }, (res) => {
        resolve(readAnswer(res));
      });
      req.on('error', reject);
      if (stream) return stream.pipe(req);
      if (bytes) req.write(bytes);
      req.end();
    }), ms);
  }

  /** The server-sent events of a turn: an async iterable with `close()`. */
  events(path, headers = {}) {
    return readEvents(this.url + path, { ...this.headers, ...headers });
  }

  // What most tests do, with the expected status checked.

  async conversation(title) {
    const made = await this.post('/api/v1/conversations', title === undefined ? {} : { title });
    assert.equal(made.status, 201, made.text);
    return made.body;
  }

  async send(conversationId, content, clientMessageId = newId()) {
    const sent = await this.post(`/api/v1/conversations/${conversationId}/messages`,
      { content, client_message_id: clientMessageId });
    assert.ok([200, 202].includes(sent.status), `send answered ${sent.status}: ${sent.text}`);
    return sent.body;
  }

  async turn(id) {
    const got = await this.get(`/api/v1/turns/${id}`);
    assert.equal(got.status, 200, got.text);
    return got.body;
  }

  async finished(turnId, ms = 30_000) {
    return until(`turn ${turnId} to finish`, async () => {
      const turn = await this.turn(turnId);
      return isFinal(turn) && turn;
    }, ms, 25);
  }

  /** All visible messages, oldest first. */
  async messages(conversationId) {
    const all = [];
    let before = '';
    do {
      const page = await this.get(`/api/v1/conversations/${conversationId}/messages?limit=100${before}`);
      assert.equal(page.status, 200, page.text);
      all.unshift(...page.body.items);
      before = page.body.next_before ? `&before=${encodeURIComponent(page.body.next_before)}` : '';
    } while (before);
    return all;
  }

  /** Sends, waits for the end and returns {turn, user, answer}. */
  async ask(conversationId, content, ms) {
    const { message, turn } = await this.send(conversationId, content);
    const end = await this.finished(turn.id, ms);
    const answer = (await this.messages(conversationId)).find((m) => m.role === 'assistant' && m.turn_id === turn.id);
    return { turn: end, user: message, answer };
  }
}

export const isFinal = (turn) => ['done', 'failed', 'cancelled'].includes(turn.status);

async function readAnswer(res) {
  const pieces = [];
  for await (const piece of res) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const text = bytes.toString('utf8');
  let body;
  if (/[/+]json\b/.test(res.headers['content-type'] ?? '')) {
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }
  }
  return { status: res.statusCode, headers: res.headers, bytes, text, body };
}

/** Asserts RFC 9457 problem JSON as docs/protocol.md describes it. */
export function assertProblem(answer, status, code) {
  const wanted = [status].flat();
  assert.ok(wanted.includes(answer.status), `status ${answer.status}, wanted ${wanted}: ${answer.text?.slice(0, 500)}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json\b/, answer.text?.slice(0, 300));
  assertProblemBody(answer.body, answer.status, code);
  if (answer.status === 429 || answer.status === 503) {
    assert.match(answer.headers['retry-after'] ?? '', /^\d+$/, 'Retry-After in whole seconds');
  }
  return answer.body;
}

export function assertProblemBody(problem, status, code) {
  assert.ok(problem && typeof problem === 'object', 'a problem object');
  assert.equal(typeof problem.type, 'string');
  assert.equal(typeof problem.title, 'string');
  assert.equal(problem.status, status);
  assert.match(problem.code, /^[a-z_]+$/);
  if (code !== undefined) assert.ok([code].flat().includes(problem.code), `code ${problem.code}, wanted ${code}`);
  assert.ok(problem.detail?.length > 5, `a detail that says why: ${JSON.stringify(problem)}`);
  assert.equal(typeof problem.retryable, 'boolean');
}

/** Writes raw bytes to the server and returns all it says until it closes, or until `enough` is satisfied. */
export function rawExchange(url, bytes, { ms = 10_000, enough = () => false } = {}) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  let text = '';
  const over = new Promise((resolve) => {
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (enough(text)) resolve(text);
    });
    socket.on('close', () => resolve(text));
    socket.on('error', () => resolve(text));
    socket.on('connect', () => socket.write(bytes));
  });
  return within('an answer to raw bytes', over, ms).finally(() => socket.destroy());
}
