// The preload, against a real proxy: programs that know nothing of it reach what the proxy lets them reach, and nothing
// else. The names of the origins exist only inside the proxy, so whatever arrives went through it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startWorld } from "./lib/proxy_world.mjs";

const client = fileURLToPath(new URL("lib/client.mjs", import.meta.url));
const preload = fileURLToPath(new URL("../preload.cjs", import.meta.url));
let world;

before(async () => {
  world = await startWorld();
});
after(() => world.close());

function environment(extra = {}) {
  const proxy = `http://127.0.0.1:${world.proxyPort}`;
  return {
    PATH: process.env.PATH,
    NODE_OPTIONS: `--require=${preload}`,
    HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy, ALL_PROXY: proxy, NO_PROXY: "",
    NODE_EXTRA_CA_CERTS: world.ca,
    ...extra,
  };
}

async function run(scenario, argument, extra) {
  const child = spawn(process.execPath, [client, scenario, argument], { env: environment(extra), stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => { output += text; });
  child.stderr.setEncoding("utf8").on("data", (text) => { errors += text; });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const [code, signal] = await new Promise((resolve) => child.on("close", (...how) => resolve(how)));
  clearTimeout(timer);
  assert.equal(signal, null, `${scenario} did not end: ${errors}`);
  assert.equal(code, 0, errors);
  assert.equal(errors, "");
  return JSON.parse(output);
}

async function value(...words) {
  const outcome = await run(...words);
  assert.equal(outcome.error, undefined);
  return outcome.value;
}

for (const origin of ["http://plain.test", "https://secure.test"]) {
  test(`fetch of ${origin}`, async () => {
    const got = await value("fetch", `${origin}/echo?a=b%20c`);
    assert.equal(got.status, 200);
    assert.equal(got.method, "GET");
    assert.equal(got.cookies, 2);
    assert.equal(got.headers.host, new URL(origin).host);
    assert.ok(!("proxy-authorization" in got.headers));
  });

  test(`a body to ${origin}`, async () => {
    const got = await value("post", `${origin}/echo`);
    assert.deepEqual([got.method, got.size, got.headers["content-length"], got.headers["x-mine"]],
                     ["POST", 100_000, "100000", "yes"]);
  });

  test(`a streamed body to ${origin}`, async () => {
    const got = await value("stream_up", `${origin}/echo`);
    const hash = createHash("sha256");
    for (let i = 0; i < 64; ++i) hash.update(new Uint8Array(64 * 1024).fill(i));
    assert.deepEqual([got.size, got.sha256], [4 << 20, hash.digest("hex")]);
  });

  test(`a streamed answer of ${origin}`, async () => {
    assert.deepEqual(await value("stream_down", origin), { first: "first\n", second: "second\n", done: true });
  });

  test(`32 MiB from ${origin}`, async () => {
    assert.deepEqual(await value("big", `${origin}/big`), { size: 32 << 20 });
  });

  test(`aborts towards ${origin}`, async () => {
    assert.match((await run("abort_before", `${origin}/echo`)).error, /AbortError/);
    assert.match((await run("abort_during", `${origin}/hang?id=during ${origin}`)).error, /AbortError/);
    assert.equal(await value("cancel_body", `${origin}/hang?id=cancel ${origin}`), "cancelled");
    for (const id of [`during ${origin}`, `cancel ${origin}`]) {
      for (let i = 0; i < 100 && !world.hung.includes(id); ++i) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(world.hung.includes(id), "the origin was told that nobody reads any more");
    }
  });

  test(`a cut answer of ${origin} is an error`, async () => {
    assert.match((await run("read_all", `${origin}/cut`)).error, /terminated|fetch failed/);
  });

  test(`a body that fails on its way to ${origin}`, async () => {
    assert.match((await run("failing_body", `${origin}/echo`)).error, /the file is gone|fetch failed|terminated/);
  });

  test(`redirects from ${origin}`, async () => {
    const elsewhere = origin === "http://plain.test" ? "https://secure.test" : "http://plain.test";
    const to = encodeURIComponent(`${elsewhere}/none`);
    assert.deepEqual(await value("status", `${origin}/redirect?to=${to}`),
                     { status: 204, url: `${elsewhere}/none`, redirected: true, text: "" });
    assert.equal((await value("status", `${origin}/redirect?manual&to=${to}`)).status, 302);
    const refused = encodeURIComponent("https://evil.test/");
    assert.match((await run("status", `${origin}/redirect?to=${refused}`)).error, /may not reach evil\.test/);
  });

  test(`many requests to ${origin}, one after another and at once`, async () => {
    const got = await value("many", `${origin}/echo`);
    assert.deepEqual(got.bodies, Array(5).fill("GET"));
    assert.deepEqual(got.parallel, Array(20).fill(200));
  });
}

test("node:http goes through in each of its shapes", async () => {
  for (const shape of ["http", "http_own_agent", "http_no_agent"]) {
    const got = await value(shape, "http://plain.test:8080/echo");
    assert.equal(JSON.parse(got.body).headers.host, "plain.test:8080", shape);
  }
  const listed = JSON.parse((await value("http_list_headers", "http://plain.test/echo")).body);
  assert.deepEqual([listed.method, listed.headers["x-mine"], listed.size], ["POST", "yes", 2]);
  assert.ok(world.proxied.includes("GET http://plain.test:8080/echo"));
});

test("node:https goes through in each of its shapes", async () => {
  for (const shape of ["https", "https_own_agent"]) {
    assert.equal((await value(shape, "https://secure.test/echo")).status, 200, shape);
  }
  assert.ok(world.proxied.includes("CONNECT secure.test:443"));
});

test("a refusal of the proxy says why", async () => {
  assert.match((await run("fetch", "https://evil.test/")).error, /403: The skill may not reach evil\.test:443\./);
  assert.match((await run("https", "https://evil.test/")).error, /403: The skill may not reach evil\.test:443\./);
  assert.deepEqual(await value("http", "http://evil.test/"), { status: 403, body: "The skill may not reach evil.test." });
});

test("a proxy that talks nonsense or hangs up is one clear error", async () => {
  assert.match((await run("fetch", "https://garbage.test/")).error, /CONNECT is no HTTP/);
  assert.match((await run("fetch", "https://silent.test/")).error, /closed the connection to silent\.test/);
});

test("without its proxy nothing gets out", async () => {
  const nowhere = "http://127.0.0.1:1";
  const proxies = { HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere, https_proxy: nowhere };
  assert.match((await run("fetch", "http://plain.test/echo", proxies)).error, /fetch failed/);
  assert.match((await run("fetch", "https://secure.test/echo", proxies)).error, /proxy cannot be reached/);
  const broken = { HTTPS_PROXY: "socks5://127.0.0.1:1", https_proxy: "" };
  assert.match((await run("https", "https://secure.test/echo", broken)).error, /must be http:/);
});

test("certificates are verified inside the tunnel", async () => {
  const unknown = { NODE_EXTRA_CA_CERTS: "" };
  assert.match((await run("fetch", "https://secure.test/echo", unknown)).error, /certificate|issuer/i);
  assert.match((await run("fetch", "https://wrong-name.test/echo")).error, /altname|does not match/i);
  assert.equal((await value("https_unverified", "https://wrong-name.test/echo")).status, 200);
});

test("NO_PROXY goes around, and credentials go to the proxy only", async () => {
  world.proxied.length = 0;
  const address = `http://localhost:${world.plainPort}/echo`;
  assert.equal((await value("fetch", address, { NO_PROXY: "example.org, localhost" })).status, 200);
  assert.equal((await value("http", address, { NO_PROXY: `localhost:${world.plainPort}` })).status, 200);
  assert.deepEqual(world.proxied, []);
  assert.match((await run("read_all", address, { NO_PROXY: "ocalhost,localhost:1" })).value.text, /may not reach/);
  const proxy = `http://me:se%40cret@127.0.0.1:${world.proxyPort}`;
  const credentials = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy };
  for (const origin of ["http://plain.test", "https://secure.test"]) {
    world.authorizations.length = 0;
    await value("fetch", `${origin}/echo`, credentials);
    assert.deepEqual([...new Set(world.authorizations)], [`Basic ${Buffer.from("me:se@cret").toString("base64")}`]);
  }
});

test("WebSocket goes through", { skip: typeof WebSocket === "undefined" && "this Node has no WebSocket" }, async () => {
  assert.deepEqual(await value("socket", "wss://secure.test/socket"), { data: "hello" });
});
