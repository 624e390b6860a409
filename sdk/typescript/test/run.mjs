// Runs the kit's tests with this node and ends with the counts that ./dev test reads.
//   node run.mjs [name…]   only files whose names begin so
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const names = process.argv.slice(2);
const files = readdirSync(folder).filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => names.length === 0 || names.some((wanted) => name.startsWith(wanted)));
const child = spawn(process.execPath, ["--test", "--test-reporter=tap", ...files], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
let output = "";
child.stdout.setEncoding("utf8").on("data", (text) => { output += text; });
child.on("close", (code) => {
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
  const failed = count("fail") + count("cancelled");
  if (code !== 0 || failed > 0) {
    process.stdout.write(output);
    for (const [, name] of output.matchAll(/^ *not ok \d+ - (.*)$/gm)) process.stdout.write(`  failed: ${name}\n`);
  }
  const counts = `${count("pass")} passed, ${failed} failed, ${count("skipped") + count("todo")} skipped`;
  process.stdout.write(`kits (typescript): ${counts}\n`);
  process.exit(code === 0 && failed === 0 ? 0 : 1);
});
