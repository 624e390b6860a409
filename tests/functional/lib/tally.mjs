// A reporter for node's test runner: prints results as they come and leaves the counts for run.mjs.
import fs from 'node:fs';

export default async function* tally(source) {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && /^SEED=/.test(data.message)) yield `    ${data.message}\n`;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const took = `${Math.round(data.details?.duration_ms ?? 0)} ms`;
    if (data.skip !== undefined && data.skip !== false) {
      counts.skipped++;
      yield `  skip ${data.name} (${data.skip === true ? 'no reason given' : data.skip})\n`;
    } else if (type === 'test:pass') {
      counts.passed++;
      yield `  ok   ${data.name} (${took})\n`;
    } else {
      counts.failed++;
      counts.failures.push(data.name);
      const error = data.details?.error;
      yield `  FAIL ${data.name} (${took})\n${indent(String(error?.cause?.stack ?? error?.stack ?? error))}\n`;
    }
  }
  if (process.env.FUNCTIONAL_TALLY) fs.writeFileSync(process.env.FUNCTIONAL_TALLY, JSON.stringify(counts));
}

const indent = (text) => text.slice(0, 6000).replace(/^/gm, '       ');
