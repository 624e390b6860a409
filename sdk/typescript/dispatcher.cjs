"use strict";
// A dispatcher for the global fetch and WebSocket on top of node:http and node:https, so that they go the way those
// go. It speaks the handler interface of Node 18 to 24 (onConnect, onHeaders, onData, ...) and its successor
// (onRequestStart, onResponseStart, ...). Documented at https://undici.nodejs.org, "Dispatcher.dispatch".
const http = require("node:http");
const https = require("node:https");

function rawOf(texts) {
  return texts.map((text) => Buffer.from(text, "latin1"));
}

// Old and new handlers behind one face. `abort` ends the request with a reason.
class Handler {
  constructor(handler) {
    this.handler = handler;
    this.modern = typeof handler.onRequestStart === "function";
    this.over = false;
  }

  start(exchange) {
    this.exchange = exchange;
    if (!this.modern) return void this.handler.onConnect?.((reason) => exchange.abort(reason), null);
    this.controller = {
      paused: false,
      aborted: false,
      reason: null,
      rawHeaders: null,
      rawTrailers: null,
      pause() {
        this.paused = true;
        exchange.response?.pause();
      },
      resume() {
        this.paused = false;
        exchange.response?.resume();
      },
      abort(reason) {
        if (this.aborted) return;
        this.aborted = true;
        this.reason = reason;
        exchange.abort(reason);
      },
    };
    this.handler.onRequestStart(this.controller, null);
  }

  // False: wait with the body.
  headers(response) {
    const { statusCode, statusMessage, headers } = response;
    const raw = rawOf(response.rawHeaders);
    if (!this.modern) {
      this.handler.onResponseStarted?.();
      return this.handler.onHeaders(statusCode, raw, () => response.resume(), statusMessage) !== false;
    }
    this.controller.rawHeaders = raw;
    this.handler.onResponseStart?.(this.controller, statusCode, headers, statusMessage);
    return !this.controller.paused;
  }

  data(chunk) {
    if (!this.modern) return this.handler.onData(chunk) !== false;
    this.handler.onResponseData?.(this.controller, chunk);
    return !this.controller.paused;
  }

  upgrade(response, socket) {
    this.over = true;
    const raw = rawOf(response.rawHeaders);
    if (this.modern) {
      this.controller.rawHeaders = raw;
      this.handler.onRequestUpgrade(this.controller, response.statusCode, response.headers, socket);
    } else {
      this.handler.onUpgrade(response.statusCode, raw, socket);
    }
  }

  end(response) {
    if (this.over) return;
    this.over = true;
    const raw = rawOf(response.rawTrailers);
    if (!this.modern) return void this.handler.onComplete(raw);
    this.controller.rawTrailers = raw;
    this.handler.onResponseEnd?.(this.controller, response.trailers);
  }

  fail(error) {
    if (this.over) return;
    this.over = true;
    if (this.modern) this.handler.onResponseError?.(this.controller, error);
    else this.handler.onError(error);
  }
}

// Headers come as a flat list, as pairs, or as an object whose values may be lists.
function pairsOf(headers) {
  if (!headers) return [];
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    const pairs = [];
    for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([String(headers[i]), headers[i + 1]]);
    return pairs;
  }
  return typeof headers[Symbol.iterator] === "function" ? [...headers] : Object.entries(headers);
}

function headersOf(options) {
  const headers = {};
  for (const [name, value] of pairsOf(options.headers)) {
    const key = String(name).toLowerCase();
    const values = (Array.isArray(value) ? value : [value]).map(String);
    const before = headers[key];
    headers[key] = before === undefined && values.length === 1 ? values[0] : [].concat(before ?? [], values);
  }
  if (options.upgrade) {
    headers.connection = "upgrade";
    headers.upgrade = options.upgrade === true ? "websocket" : String(options.upgrade);
  }
  return headers;
}

function isBytes(body) {
  return typeof body === "string" || ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
}

// One request on its way to its handler.
class Exchange {
  constructor(dispatcher, options, handler) {
    this.dispatcher = dispatcher;
    this.options = options;
    this.handler = new Handler(handler);
    this.ended = false;
  }

  start() {
    try {
      this.handler.start(this);
      if (!this.ended) this.send(true);
    } catch (error) {
      this.abort(error);
    }
  }

  abort(reason) {
    if (this.ended) return;
    this.ended = true;
    const error = reason ?? new DOMException("The operation was aborted.", "AbortError");
    this.response?.destroy();
    this.request?.destroy();
    // Not from within the caller's own call.
    process.nextTick(() => this.handler.fail(error));
  }

  send(mayRepeat) {
    const { origin, path, method, body } = this.options;
    const url = new URL(path, origin);
    const secure = url.protocol === "https:";
    const bodyless = body === null || body === undefined;
    // A kept connection may be closing just now. Only what can be sent again is sent on one.
    const kept = bodyless && mayRepeat && !this.options.upgrade;
    const request = (secure ? https : http).request({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port || (secure ? 443 : 80),
      path,
      method,
      headers: headersOf(this.options),
      agent: kept ? this.dispatcher.kept[url.protocol] : this.dispatcher.fresh[url.protocol],
    });
    this.request = request;
    let answered = false;
    request.on("response", (response) => {
      answered = true;
      this.receive(response);
    });
    request.on("upgrade", (response, socket, head) => {
      answered = true;
      this.ended = true;
      if (head.length > 0) socket.unshift(head);
      this.handler.upgrade(response, socket);
    });
    request.on("error", (error) => {
      if (this.ended) return;
      if (!answered && kept && request.reusedSocket && error.code === "ECONNRESET") return void this.send(false);
      this.abort(error);
    });
    request.on("close", () => {
      if (!answered && this.request === request) this.abort(new Error("The connection was closed without an answer."));
    });
    if (bodyless) request.end();
    else if (isBytes(body)) request.end(body instanceof ArrayBuffer ? new Uint8Array(body) : body);
    else this.stream(request, body).catch((error) => this.abort(error));
  }

  async stream(request, body) {
    for await (const chunk of body) {
      if (this.ended || request.destroyed) return;
      if (!request.write(chunk)) await new Promise((resolve) => {
        const go = () => {
          request.off("drain", go);
          request.off("close", go);
          resolve();
        };
        request.on("drain", go);
        request.on("close", go);
      });
    }
    request.end();
  }

  receive(response) {
    this.response = response;
    const guarded = (step) => {
      if (this.ended) return;
      try {
        step();
      } catch (error) {
        this.abort(error);
      }
    };
    response.on("data", (chunk) => guarded(() => {
      if (!this.handler.data(chunk)) response.pause();
    }));
    response.on("end", () => guarded(() => {
      if (!response.complete) throw new Error("The answer was cut short.");
      this.ended = true;
      this.handler.end(response);
    }));
    response.on("error", (error) => this.abort(error));
    response.on("close", () => this.abort(new Error("The answer was cut short.")));
    response.pause();
    guarded(() => {
      if (this.handler.headers(response)) response.resume();
    });
  }
}

class Dispatcher {
  constructor() {
    const keep = { keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: 16, timeout: 0 };
    this.kept = { "http:": new http.Agent(keep), "https:": new https.Agent(keep) };
    this.fresh = { "http:": new http.Agent(), "https:": new https.Agent() };
    this.closed = false;
    this.destroyed = false;
  }

  dispatch(options, handler) {
    new Exchange(this, options, handler).start();
    return true;
  }

  async close() {
    await this.destroy();
  }

  async destroy() {
    for (const agent of [...Object.values(this.kept), ...Object.values(this.fresh)]) agent.destroy();
  }
}

module.exports = { Dispatcher };
