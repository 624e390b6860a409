// Runs the functional tests, a few files at a time, and counts what happened.
//
//   node run.mjs [name ...]      names are beginnings of file names; none: all
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from './lib/harness.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const atOnce = Number(process.env.JOBS ?? Math.max(1, Math.min(2, os.cpus().length)));
const fileMs = Number(process.env.FILE_TIMEOUT_MS ?? 10 * 60_000);
const groups = { // for the summary
  instruments: ['harness', 'model_server'],
  'real binaries': ['chat', 'conversations', 'resume', 'cancel', 'model_faults', 'bad_input', 'bad_storage',
    'openai_client', 'operations'],
  'three processes': ['three_process'],
  'many users': ['workspaces', 'sharing', 'matrix', 'matrix_rpc', 'retention'],
  'skills and approvals': ['skills', 'connect', 'approvals', 'secrets', 'audit'],
  moving: ['import_legacy', 'migrate', 'export', 'import'],
  PostgreSQL: ['postgres'],
  mcp: ['mcp_server', 'mcp_client'],
  'sign-in and mail': ['oidc', 'mail'],
  crash: ['crash'],
  browser: ['browser', 'browser_data', 'browser_look', 'browser_approvals', 'browser_people'],
};

function chosen() {
  const wanted = process.argv.slice(2);
  const all = fs.readdirSync(folder).filter((name) => name.endsWith('.test.mjs'));
  const slowFirst = ['crash', 'browser', 'bad_', 'three'];
  const rank = (name) => slowFirst.findIndex((s) => name.startsWith(s)) >>> 0;
  return all.filter((name) => wanted.length === 0 || wanted.some((w) => name.startsWith(w)))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function runFile(name) {
  return new Promise((resolve) => {
    const tallyFile = path.join(scratch, `${name}.json`);
    const child = spawn(process.execPath, [
      '--test-reporter', path.join(folder, 'lib/tally.mjs'), '--test-reporter-destination', 'stdout',
      path.join(folder, name),
    ], { env: { ...process.env, FUNCTIONAL_TALLY: tallyFile }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (output += text));
    }
    const timer = setTimeout(() => {
      output += `  FAIL ${name} ran longer than ${fileMs} ms and was stopped\n`;
      child.kill('SIGTERM'); // its exit handler takes the servers with it
      setTimeout(() => child.kill('SIGKILL'), 5000).unref();
    }, fileMs);
    child.once('close', (code) => {
      clearTimeout(timer);
      let counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
      try {
        counts = JSON.parse(fs.readFileSync(tallyFile, 'utf8'));
      } catch {
        counts.failed = 1;
        counts.failures.push('the file did not run to its end');
      }
      if (code !== 0 && counts.failed === 0) {
        counts.failed = 1;
        counts.failures.push(`the test process ended with exit code ${code}`);
      }
      process.stdout.write(`${name}\n${output}`);
      resolve({ name: name.replace('.test.mjs', ''), ...counts });
    });
  });
}

const files = chosen();
if (files.length === 0) {
  console.error(`no test file begins with ${process.argv.slice(2).join(', ')}`);
  process.exit(2);
}
const needsBinary = files.some((name) => !['model_server.test.mjs', 'harness.test.mjs'].includes(name));
if (needsBinary && !fs.existsSync(binary)) {
  console.error(`functional: there is no executable at ${binary}; build it first or set LIBREBIRD_BIN.`);
  process.exit(2);
}
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'librebird-functional-'));
const queue = [...files];
const results = [];
await Promise.all(Array.from({ length: atOnce }, async () => {
  while (queue.length > 0) results.push(await runFile(queue.shift()));
}));
fs.rmSync(scratch, { recursive: true, force: true });

const total = { passed: 0, failed: 0, skipped: 0 };
const line = (name, c) => `${name}: ${c.passed} passed, ${c.failed} failed, ${c.skipped} skipped`;
console.log('');
for (const [group, names] of Object.entries({ ...groups, other: [] })) {
  const known = Object.values(groups).flat();
  const of = results.filter((r) => (group === 'other' ? !known.includes(r.name) : names.includes(r.name)));
  if (of.length === 0) continue;
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const result of of) for (const key of Object.keys(sum)) sum[key] += result[key];
  for (const key of Object.keys(total)) total[key] += sum[key];
  console.log(line(`functional (${group})`, sum));
  for (const result of of) for (const failure of result.failures) console.log(`  failed: ${result.name}: ${failure}`);
}
console.log(line('functional', total));
process.exit(total.failed > 0 ? 1 : 0);
