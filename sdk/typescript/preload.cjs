"use strict";
// Makes this process's HTTP go through HTTP_PROXY and HTTPS_PROXY: the global fetch, WebSocket, node:http and
// node:https, without changes to the programs that use them. Node does that by itself only from version 24 on, and only
// when asked; in a sandbox the proxy is the one way out.
//
// - node:http and node:https: every Agent that makes its connections itself is taught the proxy. http: the request
//   names the whole address (RFC 9112, section 3.2.2). https: a tunnel made with CONNECT (RFC 9110, section 9.3.6),
//   TLS inside it, verified as always; NODE_EXTRA_CA_CERTS counts.
// - fetch and WebSocket: they ask the dispatcher that stands at a well-known symbol; ours speaks node:http(s).
//
// Loaded by the runner, or with NODE_OPTIONS=--require for other people's programs. Plain connections (node:net) are
// not touched.
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const { Dispatcher } = require("./dispatcher.cjs");

const kInstalled = Symbol.for("librebird.proxy");
const kMaxHead = 16 * 1024;
const kMaxReason = 4 * 1024;
const kTunnelTimeout = 60_000;

function setting(name) {
  return process.env[name.toLowerCase()] || process.env[name.toUpperCase()] || "";
}

// NO_PROXY: names and their subdomains, with or without a port; "*" is everything.
function isDirect(host, port) {
  const entries = setting("no_proxy").toLowerCase().split(/[\s,]+/).filter(Boolean);
  return entries.some((entry) => {
    if (entry === "*") return true;
    const [, name, only] = /^(.*?)(?::(\d+))?$/.exec(entry);
    if (only !== undefined && Number(only) !== Number(port)) return false;
    const bare = name.replace(/^\*?\./, "");
    return host === bare || host.endsWith(`.${bare}`);
  });
}

// The proxy for a request, or null. A proxy setting that cannot be used is an error, not a way around it.
function proxyFor(protocol, host, port) {
  const text = setting(protocol === "https:" ? "https_proxy" : "http_proxy") || setting("all_proxy");
  if (text === "" || isDirect(String(host).toLowerCase(), port)) return null;
  let url;
  try {
    url = new URL(text.includes("://") ? text : `http://${text}`);
  } catch {
    throw new Error("The proxy setting is no address; it must be http://HOST:PORT.");
  }
  if (url.protocol !== "http:") throw new Error(`The proxy must be http://HOST:PORT, not ${url.protocol}//.`);
  const proxy = { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 80), authorization: "" };
  if (url.username !== "") {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    proxy.authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  }
  return proxy;
}

function bracketed(host) {
  return net.isIPv6(host) ? `[${host}]` : host;
}

// ---- http: the request names the whole address ------------------------------------------------------------------

function nameWholeAddress(request, options, proxy) {
  const port = Number(options.port || 80);
  const authority = bracketed(options.host || "localhost") + (port === 80 ? "" : `:${port}`);
  if (!/^https?:\/\//i.test(request.path)) request.path = `http://${authority}${request.path}`;
  if (request._header) {
    // Headers given as a list are already laid out.
    const rest = request._header.slice(request._header.indexOf("\r\n"));
    const authorization = proxy.authorization === "" ? "" : `\r\nProxy-Authorization: ${proxy.authorization}`;
    request._header = `${request.method} ${request.path} HTTP/1.1${authorization}${rest}`;
  } else if (proxy.authorization !== "") {
    request.setHeader("Proxy-Authorization", proxy.authorization);
  }
}

const plainConnection = http.Agent.prototype.createConnection;
const addRequest = http.Agent.prototype.addRequest;

function addProxiedRequest(request, options, ...rest) {
  if (typeof options === "string") options = { host: options, port: rest[0], localAddress: rest[1] };
  const makesItsOwn = this instanceof https.Agent || this.createConnection !== plainConnection;
  if (makesItsOwn || options.socketPath) return addRequest.call(this, request, options, ...rest);
  let proxy;
  try {
    proxy = proxyFor("http:", options.host || "localhost", options.port || 80);
  } catch (error) {
    process.nextTick(() => request.destroy(error));
    return undefined;
  }
  if (proxy === null) return addRequest.call(this, request, options);
  nameWholeAddress(request, options, proxy);
  return addRequest.call(this, request, { ...options, host: proxy.host, hostname: proxy.host, port: proxy.port });
}

// ---- https: a tunnel -------------------------------------------------------------------------------------------

function refusal(host, status, reason) {
  const text = reason.trim() === "" ? "" : `: ${reason.trim()}`;
  const error = new Error(`The proxy refused the connection to ${host} with status ${status}${text}`);
  error.code = "ERR_PROXY_REFUSED";
  error.statusCode = status;
  return error;
}

// Calls back once, with the tunnel's socket or an error.
function openTunnel(proxy, options, done) {
  const authority = `${bracketed(options.host)}:${options.port || 443}`;
  const socket = net.connect({ host: proxy.host, port: proxy.port });
  let received = Buffer.alloc(0);
  let refused = 0;
  let bodyAt = 0;

  function finish(error) {
    clearTimeout(timer);
    socket.removeAllListeners();
    if (error) {
      socket.on("error", () => {});
      socket.destroy();
      return done(error);
    }
    return done(null, socket);
  }
  function explain() {
    finish(refusal(options.host, refused, received.subarray(bodyAt, bodyAt + kMaxReason).toString("utf8")));
  }
  const timer = setTimeout(() => finish(new Error(`The proxy took too long to connect to ${options.host}.`)),
                           kTunnelTimeout);
  function read(chunk) {
    received = Buffer.concat([received, chunk]);
    if (refused === 0) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) {
        if (received.length > kMaxHead) finish(new Error("The proxy's answer to CONNECT is too long."));
        return;
      }
      const head = received.subarray(0, end).toString("latin1");
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
      if (status === 0) return void finish(new Error("The proxy's answer to CONNECT is no HTTP."));
      if (status >= 200 && status < 300) {
        socket.pause();
        if (received.length > end + 4) socket.unshift(received.subarray(end + 4));
        return void finish(null);
      }
      refused = status;
      bodyAt = end + 4;
      const length = /^content-length: *(\d+)/im.exec(head)?.[1];
      // Without a length the reason ends with the connection, or where we have read enough of it.
      socket.expected = bodyAt + Math.min(Number(length ?? kMaxReason), kMaxReason);
    }
    if (received.length >= socket.expected) explain();
  }
  function ended() {
    if (refused !== 0) return explain();
    return finish(new Error(`The proxy closed the connection to ${options.host} before it was made.`));
  }
  const authorization = proxy.authorization === "" ? "" : `Proxy-Authorization: ${proxy.authorization}\r\n`;
  socket.on("connect", () => {
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  });
  socket.on("data", read);
  socket.on("end", ended);
  socket.on("close", ended);
  socket.on("error", (cause) => finish(Object.assign(
    new Error(`The proxy cannot be reached: ${cause.message}`, { cause }), { code: cause.code })));
}

const secureConnection = https.Agent.prototype.createConnection;

function createTunnelledConnection(...parts) {
  const callback = parts.find((part) => typeof part === "function");
  const options = {};
  for (const part of parts) {
    if (typeof part === "object" && part !== null) Object.assign(options, part);
  }
  if (typeof parts[0] === "number" || typeof parts[0] === "string") options.port = parts[0];
  if (typeof parts[1] === "string") options.host = parts[1];
  options.host ||= "localhost";
  const proxy = options.socketPath || options.socket || callback === undefined
    ? null
    : proxyFor("https:", options.host, options.port || 443);
  if (proxy === null) return secureConnection.apply(this, parts);
  openTunnel(proxy, options, (error, socket) => {
    if (error) return callback(error);
    let secure;
    try {
      secure = secureConnection.call(this, { ...options, socket });
    } catch (thrown) {
      socket.destroy();
      return callback(thrown);
    }
    return callback(null, secure);
  });
  return undefined;
}

if (!globalThis[kInstalled]) {
  Object.defineProperty(globalThis, kInstalled, { value: true });
  http.Agent.prototype.addRequest = addProxiedRequest;
  https.Agent.prototype.createConnection = createTunnelledConnection;
  const dispatcher = new Dispatcher();
  // Where every edition of fetch looks for its dispatcher: Node 18 to 24, and later ones.
  for (const edition of [1, 2]) {
    Object.defineProperty(globalThis, Symbol.for(`undici.globalDispatcher.${edition}`), {
      value: dispatcher,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
}
