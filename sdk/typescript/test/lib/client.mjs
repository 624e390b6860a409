// A program that knows nothing of proxies. Runs the scenario named by its argument and prints what came of it as JSON.
import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";

const [name, argument] = process.argv.slice(2);

function get(module, target, options = {}) {
  return new Promise((resolve, reject) => {
    const request = module.request(target, options, async (response) => {
      let body = "";
      for await (const chunk of response.setEncoding("utf8")) body += chunk;
      resolve({ status: response.statusCode, body });
    });
    request.on("error", reject);
    request.end(options.body);
  });
}

async function json(response) {
  return { status: response.status, cookies: response.headers.getSetCookie?.().length ?? 2, ...(await response.json()) };
}

const scenarios = {
  async fetch() {
    return json(await fetch(argument));
  },
  async post() {
    return json(await fetch(argument, { method: "POST", body: "x".repeat(100_000), headers: { "x-mine": "yes" } }));
  },
  async stream_up() {
    async function* pieces() {
      for (let i = 0; i < 64; ++i) yield new Uint8Array(64 * 1024).fill(i);
    }
    return json(await fetch(argument, { method: "PUT", body: Readable.toWeb(Readable.from(pieces())), duplex: "half" }));
  },
  async stream_down() {
    const response = await fetch(`${argument}/drip?id=1`);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const first = decoder.decode((await reader.read()).value);
    await fetch(`${argument}/go?id=1`);
    const second = decoder.decode((await reader.read()).value);
    return { first, second, done: (await reader.read()).done };
  },
  async big() {
    const response = await fetch(argument);
    let size = 0;
    for await (const chunk of response.body) size += chunk.length;
    return { size };
  },
  async abort_before() {
    return fetch(argument, { signal: AbortSignal.abort() });
  },
  async abort_during() {
    const controller = new AbortController();
    const response = await fetch(argument, { signal: controller.signal });
    const reader = response.body.getReader();
    await reader.read();
    setImmediate(() => controller.abort());
    await reader.read();
    return "read on";
  },
  async cancel_body() {
    const response = await fetch(argument);
    const reader = response.body.getReader();
    await reader.read();
    await reader.cancel();
    return "cancelled";
  },
  async failing_body() {
    async function* pieces() {
      yield new Uint8Array(10);
      throw new Error("the file is gone");
    }
    return json(await fetch(argument, { method: "POST", body: Readable.toWeb(Readable.from(pieces())), duplex: "half" }));
  },
  async read_all() {
    return { text: await (await fetch(argument)).text() };
  },
  async status() {
    const response = await fetch(argument, { redirect: argument.includes("manual") ? "manual" : "follow" });
    return { status: response.status, url: response.url, redirected: response.redirected, text: await response.text() };
  },
  async many() {
    const bodies = [];
    for (let i = 0; i < 5; ++i) bodies.push((await (await fetch(argument)).json()).method);
    const parallel = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(argument)).status));
    return { bodies, parallel };
  },
  async http() {
    return get(http, argument);
  },
  async http_list_headers() {
    return get(http, argument, { method: "POST", headers: ["Host", "plain.test", "X-Mine", "yes", "Content-Length", "2"], body: "ok" });
  },
  async http_own_agent() {
    return get(http, argument, { agent: new http.Agent({ keepAlive: false }) });
  },
  async http_no_agent() {
    return get(http, argument, { agent: false });
  },
  async https() {
    return get(https, argument);
  },
  async https_own_agent() {
    return get(https, argument, { agent: new https.Agent({ maxSockets: 1 }) });
  },
  async https_unverified() {
    return get(https, argument, { rejectUnauthorized: false });
  },
  async socket() {
    const socket = new WebSocket(argument);
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve({ data });
      socket.onerror = () => reject(new Error("no socket"));
    });
  },
};

function chain(error) {
  const messages = [];
  for (let cause = error; cause && messages.length < 4; cause = cause.cause) messages.push(`${cause.name}: ${cause.message}`);
  return messages.join(" / ");
}

let outcome;
try {
  outcome = { value: await scenarios[name]() };
} catch (error) {
  outcome = { error: chain(error) };
}
process.stdout.write(JSON.stringify(outcome), () => process.exit(0));
