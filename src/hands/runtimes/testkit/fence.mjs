// Stands where the egress fence does: a forward proxy on a Unix socket that answers for two hosts itself.
//   node fence.mjs SOCKET FOLDER
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";

const [socket, folder] = process.argv.slice(2);

// The packages of registry.test, made as npm makes them.
const kPackages = {
  "three-pack": {
    "package.json": JSON.stringify({
      name: "three-pack", version: "1.2.3", main: "main.js", types: "main.d.ts", dependencies: { "two-pack": "^2.0.0" },
      scripts: { preinstall: "echo pre > /env/SCRIPT_RAN", install: "echo in > /env/SCRIPT_RAN", postinstall: "echo post > /env/SCRIPT_RAN" },
    }),
    "main.js": 'module.exports = { three: require("two-pack").two + 1 };\n',
    "main.d.ts": "export const three: number;\n",
  },
  "two-pack": {
    "package.json": JSON.stringify({ name: "two-pack", version: "2.0.1", main: "main.js" }),
    "main.js": "exports.two = 2;\n",
  },
  "@scope/server": {
    "package.json": JSON.stringify({ name: "@scope/server", version: "0.1.0", type: "module", bin: { server: "./bin/server.js" } }),
    "bin/server.js": `#!/usr/bin/env node
import { createInterface } from "node:readline";
const say = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize") say(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} } });
  if (method === "tools/list") say(id, { tools: [{ name: "look", inputSchema: { type: "object" } }] });
  if (method !== "tools/call") return;
  let web;
  try {
    web = await (await fetch(params.arguments.url ?? "http://plain.test/hello")).text();
  } catch (error) {
    web = String(error.cause?.message ?? error);
  }
  say(id, { content: [], structuredContent: { arguments: process.argv.slice(2), key: process.env.API_KEY ?? null, web, cwd: process.cwd() } });
});
`,
  },
  programless: { "package.json": JSON.stringify({ name: "programless", version: "1.0.0" }) },
};

function pack(name, files) {
  const work = mkdtempSync(join(folder, "pack-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(work, "package", path)), { recursive: true });
    writeFileSync(join(work, "package", path), text);
  }
  execFileSync("tar", ["-czf", join(work, "package.tgz"), "-C", work, "package"]);
  const archive = readFileSync(join(work, "package.tgz"));
  const manifest = JSON.parse(files["package.json"]);
  const address = `http://registry.test/${name}/-/${manifest.version}.tgz`;
  const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
  return { archive, manifest: { ...manifest, dist: { tarball: address, integrity } } };
}

const packed = new Map(Object.entries(kPackages).map(([name, files]) => [name, pack(name, files)]));

function registry(path) {
  const [name, file] = decodeURIComponent(path.slice(1)).split("/-/");
  const found = packed.get(name);
  if (found === undefined) return null;
  if (file !== undefined) return found.archive;
  const { version } = found.manifest;
  return Buffer.from(JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: found.manifest } }));
}

const server = createServer((request, response) => {
  const url = new URL(request.url);
  if (url.host === "registry.test") {
    const body = registry(url.pathname);
    response.writeHead(body === null ? 404 : 200);
    return response.end(body ?? "{}");
  }
  if (url.host === "plain.test") return response.end(`hello from ${url.pathname}`);
  response.writeHead(403);
  return response.end(`The skill may not reach ${url.host}.`);
});
server.on("connect", (request, stream) => {
  const reason = `The skill may not reach ${request.url}.`;
  stream.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`);
});
server.listen(socket, () => process.stdout.write("."));
