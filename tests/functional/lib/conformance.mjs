// Runs scenarios of the Model Context Protocol's conformance suite against a server that wants a credential.
//
// The suite sends none, so it talks to a little proxy that adds ours and touches nothing else (its scenarios about Host
// and Origin reach the server as they are).
import { spawn } from 'node:child_process';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { tempDir } from './harness.mjs';

export const main = fileURLToPath(new URL('../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url));

// The suite is bundled for Node.js 22 and later: it imports fs.globSync, for a command that we do not use.
export const loader = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  const shim = 'data:text/javascript,' + encodeURIComponent(
    "import fs from 'node:fs'; export * from 'node:fs'; export default fs; export const globSync = fs.globSync;");
  register('data:text/javascript,' + encodeURIComponent(
    'export const resolve = (name, from, next) => name === "fs" && from.parentURL?.startsWith("file:")' +
    ' ? { url: ' + JSON.stringify(shim) + ', shortCircuit: true } : next(name, from);'));
`)}`;

// Whether this Node.js is new enough for what the suite is made of (undici 7).
export const canRun = (() => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 18);
})();

async function withCredential(t, target, key) {
  const server = http.createServer((incoming, outgoing) => {
    const request = http.request({
      host: target.hostname, port: target.port, path: incoming.url, method: incoming.method,
      headers: { ...incoming.headers, authorization: `Bearer ${key}` },
    }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    request.on('error', () => outgoing.destroy());
    outgoing.on('close', () => request.destroy());
    incoming.pipe(request);
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => server.close());
  return server.address().port;
}

// [{ id, status, errorMessage }] of one scenario: what the suite found.
export async function conformance(t, { url, key, scenario, revision }) {
  const port = await withCredential(t, new URL(url), key);
  const child = spawn(process.execPath, [
    '--no-warnings', '--import', loader, main, 'server', '--url', `http://127.0.0.1:${port}/mcp`,
    '--scenario', scenario, '--spec-version', revision, '--verbose',
  ], { cwd: tempDir(t), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  await new Promise((done) => { child.on('close', done); });
  const start = output.indexOf('[\n');
  const end = output.lastIndexOf('\n]');
  if (start < 0 || end < 0) throw new Error(`no findings from the suite:\n${output.slice(-2000)}`);
  return JSON.parse(output.slice(start, end + 2));
}
