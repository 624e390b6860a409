// Skills written into temporary folders, compiled as at install time, and asked as the platform asks.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const kit = fileURLToPath(new URL("../..", import.meta.url));
const folders = [];
process.on("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

export function skillOf(files) {
  const folder = mkdtempSync(join(tmpdir(), "librebird-skill-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function collect(child) {
  const got = { output: "", errors: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => { got.output += text; });
  child.stderr.setEncoding("utf8").on("data", (text) => { got.errors += text; });
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ ...got, code, signal })));
}

export function compile(folder, entry = "index.ts") {
  const output = join(folder, ".librebird/skill.mjs");
  return collect(spawn(process.execPath, [join(kit, "compile.mjs"), folder, entry, output]));
}

/** Starts the compiled skill as the runtime does. `ask` writes messages; `next` waits for one of a type. */
export function serve(folder) {
  const shell = 'exec 3<&0 4>&1 0</dev/null 1>&2; exec "$@"';
  const child = spawn("/bin/sh", ["-c", shell, "sh", process.execPath, join(kit, "runner.mjs"),
                                  join(folder, ".librebird/skill.mjs"), "3", "4"]);
  const messages = [];
  const waiting = [];
  let pending = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (pending + text).split("\n");
    pending = lines.pop();
    for (const line of lines) messages.push(JSON.parse(line)); // anything but JSON fails the test
    waiting.splice(0).forEach((look) => look());
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => { errors += text; });
  child.stdin.on("error", () => {});
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, errors, messages })));
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  ended.then(() => {
    clearTimeout(timer);
    waiting.splice(0).forEach((look) => look());
  });
  return {
    messages,
    ended,
    ask(...wanted) {
      for (const message of wanted) child.stdin.write(`${JSON.stringify(message)}\n`);
    },
    write(text) {
      child.stdin.write(text);
    },
    close() {
      child.stdin.end();
      return ended;
    },
    async next(type) {
      for (;;) {
        const at = messages.findIndex((message) => message.type === type);
        if (at >= 0) return messages.splice(at, 1)[0];
        if (child.exitCode !== null) throw new Error(`It ended without "${type}": ${errors}`);
        await new Promise((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** One call of a compiled skill, to its end. */
export async function call(folder, tool, arguments_ = {}, more = {}) {
  const skill = serve(folder);
  skill.ask({ type: "call", id: "c1", tool, arguments: arguments_, now: 1_700_000_000_000, settings: {}, ...more });
  const end = await skill.close();
  return { ...end, last: end.messages.filter(({ type }) => type === "result" || type === "error").at(-1) };
}
