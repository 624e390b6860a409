// The web socket protocol as a client of docs/protocol.md speaks it, strict about order: an event out of turn, doubled
// or missing is recorded in `faults`, and tests assert that there are none.
import WebSocket from 'ws';
import { atEnd } from './at_end.mjs';
import { until, within } from './poll.mjs';
import { newId } from './rest.mjs';
import { TurnView } from './turn_view.mjs';

export class Live {
  frames = []; // everything the server said, in order
  faults = [];
  views = new Map(); // turn id → TurnView
  #next = 1;
  #pending = new Map();
  #subscribed = new Set();

  constructor(rest) {
    this.rest = rest;
    this.address = `${rest.url.replace(/^http/, 'ws')}/ws`;
  }

  static async open(t, rest) {
    const live = new Live(rest);
    atEnd(t, () => live.drop());
    await live.connect();
    return live;
  }

  async connect() {
    const { 'x-csrf-token': _, ...headers } = this.rest.headers;
    const socket = new WebSocket(this.address, { headers, perMessageDeflate: false });
    this.socket = socket;
    this.hello = undefined;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        for (const { reject } of this.#pending.values()) reject(new Error(`the socket closed (${code})`));
        this.#pending.clear();
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on('message', (data, isBinary) => {
      if (socket === this.socket) this.#receive(data, isBinary);
    });
    await within('the upgrade', new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (req, res) => {
        res.resume();
        reject(Object.assign(new Error(`upgrade refused: ${res.statusCode}`), { status: res.statusCode }));
      });
    }));
    socket.on('error', () => {});
    await until('hello', () => this.hello, 10_000, 2);
    return this;
  }

  /** As a lost network would: no closing handshake. Frames that arrive later are ignored. */
  drop() {
    const socket = this.socket;
    this.socket = undefined;
    socket?.terminate();
    for (const { reject } of this.#pending.values()) reject(new Error('the socket was dropped'));
    this.#pending.clear();
  }

  /** Connects again and resumes every subscription from the last event held. */
  async resume() {
    await this.connect();
    for (const id of this.#subscribed) await this.subscribe(id);
  }

  request(frame, ms = 10_000) {
    const id = frame.id ?? String(this.#next++);
    return within(`an answer to ${frame.type}`, new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ ...frame, id }));
    }), ms);
  }

  async subscribe(conversationId, { cursor = this.cursor(conversationId) } = {}) {
    this.#subscribed.add(conversationId);
    for (const view of this.views.values()) if (view.conversationId === conversationId) view.resuming();
    const answer = await this.request({ type: 'subscribe', conversation_id: conversationId, ...(cursor && { cursor }) });
    if (answer.type !== 'subscribed') throw new Error(`subscribe answered ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Subscribed, on this connection or (to be resumed) on the next. */
  follows(conversationId) {
    return this.#subscribed.has(conversationId);
  }

  /** What a client that reconnects sends: the last event of the newest unfinished turn it holds. */
  cursor(conversationId) {
    const held = [...this.views.values()].filter((v) => v.conversationId === conversationId && v.attempt > 0);
    const view = held.reverse().find((v) => !v.finished) ?? held[0];
    return view && { turn_id: view.turnId, attempt: view.attempt, seq: view.seq };
  }

  async send(conversationId, content, clientMessageId = newId()) {
    const answer = await this.request({
      type: 'send', conversation_id: conversationId, content, client_message_id: clientMessageId,
    });
    if (answer.type !== 'accepted') throw Object.assign(new Error(`send answered ${JSON.stringify(answer)}`), { answer });
    return answer;
  }

  cancel(turnId) {
    return this.request({ type: 'cancel', turn_id: turnId });
  }

  decide(approvalId, decision) {
    return this.request({ type: 'decide', approval_id: approvalId, decision });
  }

  view(turnId) {
    return this.views.get(turnId);
  }

  async finished(turnId, ms = 30_000) {
    return until(() => `turn ${turnId} to finish on the socket; last frames: ` +
      JSON.stringify(this.frames.slice(-5)), () => this.view(turnId)?.finished && this.view(turnId), ms);
  }

  async frame(what, match, ms = 10_000) {
    return until(what, () => this.frames.find(match), ms, 2);
  }

  #receive(data, isBinary) {
    let frame;
    try {
      frame = JSON.parse(data.toString('utf8'));
    } catch {
      this.faults.push(`not JSON: ${data}`);
      return;
    }
    if (isBinary) this.faults.push('a binary frame');
    this.frames.push(frame);
    if (frame.type === 'hello') {
      this.hello = frame;
      return;
    }
    if (frame.id !== undefined && this.#pending.has(frame.id)) {
      const { resolve } = this.#pending.get(frame.id);
      this.#pending.delete(frame.id);
      resolve(frame);
      return;
    }
    if (!/^(turn|tool)\./.test(frame.type ?? '')) return;
    if (!this.views.has(frame.turn_id)) this.views.set(frame.turn_id, new TurnView(frame));
    const view = this.views.get(frame.turn_id);
    const fault = view.apply(frame);
    if (fault) this.faults.push(`${fault}: ${JSON.stringify(frame).slice(0, 300)}`);
    if (view.wantsSnapshot) {
      view.wantsSnapshot = false;
      this.request({ type: 'subscribe', conversation_id: frame.conversation_id }).catch(() => {});
    }
  }
}

/** The status a web socket upgrade is answered with: 101 or the refusal's. */
export function upgradeStatus(url, headers) {
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  return within('the upgrade', new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, { headers: given });
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.once('unexpected-response', (req, res) => {
      req.destroy();
      resolve(res.statusCode);
    });
    socket.once('error', (error) => reject(error));
  }));
}
