// A TypeScript skill from its sources to its answers: compiled as at install time, run as in the sandbox.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { call, compile, serve, skillOf } from "./lib/skills.mjs";

const kSource = `
import { defineTool } from "@librebird/skill";
import { shout } from "./parts/shout.js";
import { prefix } from "./parts/prefix";
import settings from "./parts/settings.json";
import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";

export const greet = defineTool({
  name: "greet",
  description: "Greets somebody.",
  parameters: {
    type: "object",
    properties: { name: { type: "string" }, times: { type: "integer" }, tags: { type: "array", items: { type: "string" } } },
    required: ["name"],
  },
  run({ name, times, tags }, { settings: own, zone, now, workDirectory }) {
    const first: string = name;
    const count: number | undefined = times;
    return { text: prefix + shout(first), count, tags: tags?.map((tag) => tag.length), mark: settings.mark, own, zone,
             now: now.toISOString(), workDirectory };
  },
});
const simple = (name: string, run: (context: import("@librebird/skill").ToolContext) => unknown) =>
  defineTool({ name, description: name, run: (_, context) => run(context) });
export default [
  simple("noisy", () => {
    console.log("from console");
    process.stdout.write("from stdout\\n");
    writeSync(1, "from descriptor 1\\n");
    spawnSync("/bin/sh", ["-c", "echo from a child; cat"], { stdio: "inherit" });
    return "quiet";
  }),
  simple("streams", async ({ progress, output }) => {
    progress(-1, "begin");
    output("some ");
    progress(0.5);
    progress(Number.NaN);
    output("text");
    progress(7, "end");
    return null;
  }),
  simple("waits", ({ signal, output }) => new Promise((resolve, reject) => {
    output("waiting");
    const timer = setInterval(() => {}, 1000);
    signal.addEventListener("abort", () => { clearInterval(timer); reject(new Error("stopped as asked")); });
  })),
  simple("throws", () => { throw new Error("no such city", { cause: new Error("the map is empty") }); }),
  simple("throws_text", () => { throw "just text"; }),
  simple("throws_nothing", () => { throw undefined; }),
  simple("throws_later", () => new Promise(() => { setTimeout(() => { throw new Error("out of the blue"); }, 1); })),
  simple("rejects_aside", () => { void Promise.reject(new Error("nobody listens")); return new Promise(() => {}); }),
  simple("never", () => new Promise(() => {})),
  simple("exits", () => process.exit(0)),
  simple("exits_badly", () => process.exit(3)),
  simple("cycle", () => { const a: Record<string, unknown> = {}; a["a"] = a; return a; }),
  simple("big", () => 12n),
  simple("function_result", () => () => 1),
  simple("nothing", () => undefined),
  simple("dates", () => [new Date(0), undefined, Number.NaN]),
  simple("twice", ({ output }) => { setTimeout(() => output("too late"), 1); return 1; }),
  simple("leaves_timer", () => { setInterval(() => {}, 1000); return "done"; }),
  simple("large", () => "ü".repeat(3_000_000)),
  simple("notifies", ({ notify }) => { notify({ rang: true }); return "ok"; }),
];
`;
let folder;

before(async () => {
  folder = skillOf({
    "index.ts": kSource,
    "parts/shout.ts": "export const shout = (text: string): string => text.toUpperCase();",
    "parts/prefix.ts": 'export const prefix = "Hello ";',
    "parts/settings.json": '{"mark": "!"}',
  });
  const { code, errors } = await compile(folder);
  assert.equal(errors, "");
  assert.equal(code, 0);
});

test("describes itself, is ready, answers with types, settings, time and zone", async () => {
  const skill = serve(folder);
  assert.deepEqual(await skill.next("ready"), { type: "ready" });
  skill.ask({ type: "describe" });
  const { tools } = await skill.next("tools");
  assert.equal(tools.length, 21);
  const greet = tools.find((tool) => tool.function.name === "greet");
  assert.deepEqual(greet.function.parameters.required, ["name"]);
  skill.ask({
    type: "call", id: "c1", tool: "greet", arguments: { name: "änne", tags: ["ab"] }, now: 0, settings: { unit: "C" },
    zone: { name: "Europe/Berlin", abbreviation: "CET", offset_seconds: 3600 }, work_directory: "/work",
  });
  assert.deepEqual(await skill.next("result"), {
    type: "result",
    id: "c1",
    value: {
      text: "Hello ÄNNE", tags: [2], mark: "!", own: { unit: "C" }, now: "1970-01-01T00:00:00.000Z",
      zone: { name: "Europe/Berlin", abbreviation: "CET", offsetSeconds: 3600 }, workDirectory: "/work",
    },
  });
  assert.equal((await skill.close()).code, 0);
});

test("prints are log, never protocol", async () => {
  const { last, errors, code } = await call(folder, "noisy");
  assert.equal(last.value, "quiet");
  assert.equal(code, 0);
  for (const what of ["console", "stdout", "descriptor 1", "a child"]) assert.match(errors, new RegExp(`from ${what}\n`));
});

test("output and progress stream, in order and bounded", async () => {
  const { messages } = await call(folder, "streams");
  assert.deepEqual(messages.slice(1), [
    { type: "progress", id: "c1", fraction: 0, message: "begin" },
    { type: "output", id: "c1", text: "some " },
    { type: "progress", id: "c1", fraction: 0.5 },
    { type: "output", id: "c1", text: "text" },
    { type: "progress", id: "c1", fraction: 1, message: "end" },
    { type: "result", value: null, id: "c1" },
  ]);
});

test("a cancelled call hears of it", async () => {
  const skill = serve(folder);
  skill.ask({ type: "call", id: "other", tool: "waits" }, { type: "call", id: "c1", tool: "waits" });
  await skill.next("output");
  await skill.next("output");
  skill.ask({ type: "cancel", id: "unknown" }, { type: "cancel", id: "c1" });
  assert.deepEqual(await skill.next("error"), { type: "error", message: "stopped as asked", id: "c1" });
  skill.ask({ type: "cancel", id: "other" });
  assert.equal((await skill.next("error")).id, "other");
  await skill.close();
});

const kFailures = {
  throws: /^no such city: the map is empty$/,
  throws_text: /^just text$/,
  throws_nothing: /without saying why/,
  throws_later: /^out of the blue$/,
  rejects_aside: /^nobody listens$/,
  never: /waits for something that can no longer happen/,
  exits: /ended its process with code 0/,
  exits_badly: /ended its process with code 3/,
  cycle: /returned something that is not JSON/,
  big: /returned something that is not JSON/,
  function_result: /returned a function, which is not JSON/,
  no_such_tool: /no tool named no_such_tool/,
};
for (const [tool, message] of Object.entries(kFailures)) {
  test(`one clear error: ${tool}`, async () => {
    const { messages, signal } = await call(folder, tool);
    assert.equal(signal, null);
    const last = messages.filter(({ type }) => type === "error" || type === "result");
    assert.equal(last.length, 1);
    assert.match(last[0].message, message);
  });
}

test("what JSON cannot hold becomes what JSON makes of it", async () => {
  assert.equal((await call(folder, "nothing")).last.value, null);
  assert.deepEqual((await call(folder, "dates")).last.value, ["1970-01-01T00:00:00.000Z", null, null]);
});

test("nothing follows the last word, and nothing keeps the process", async () => {
  assert.deepEqual((await call(folder, "twice")).messages.map(({ type }) => type), ["ready", "result"]);
  assert.equal((await call(folder, "leaves_timer")).last.value, "done");
});

test("a large answer arrives whole before the process ends", async () => {
  assert.equal((await call(folder, "large")).last.value.length, 3_000_000);
});

test("a worker's event", async () => {
  const { messages } = await call(folder, "notifies");
  assert.deepEqual(messages.find(({ type }) => type === "event"), { type: "event", name: "notify", data: { rang: true } });
});

test("input in pieces, with a character cut in two; unknown messages are ignored; garbage ends it", async () => {
  const skill = serve(folder);
  await skill.next("ready");
  const line = Buffer.from(`{"type":"later"}\n\n${JSON.stringify({ type: "call", id: "c1", tool: "greet", arguments: { name: "ü" } })}\n`);
  const cut = line.indexOf(0xc3) + 1;
  skill.write(line.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  skill.write(line.subarray(cut));
  assert.equal((await skill.next("result")).value.text, "Hello Ü");
  skill.write("no json\n");
  assert.equal((await skill.ended).code, 2);
});

test("type errors stop the installation with file and line", async () => {
  const broken = skillOf({
    "src/index.ts": 'import { defineTool } from "@librebird/skill";\nimport { add } from "./add";\n' +
      'export const sum = defineTool({ name: "sum", description: "Adds.", parameters: { type: "object", properties: ' +
      '{ a: { type: "number" } }, required: ["a"] }, run: ({ a }) => add(a, "2") });\n',
    "src/add.ts": "export function add(a: number, b: number): number {\n  return a + c;\n}\n",
  });
  const { code, errors } = await compile(broken, "src/index.ts");
  assert.equal(code, 1);
  assert.match(errors, /^src\/index\.ts:3:\d+: error TS2345: Argument of type 'string'/m);
  assert.match(errors, /^src\/add\.ts:2:14: error TS2304: Cannot find name 'c'/m);
});

const kBroken = [
  ["a missing file", { "index.ts": 'import "./gone";\n' }, /index\.ts:1:8: error/],
  ["a missing package", { "index.ts": 'import { z } from "no-such-package";\nconsole.log(z);\n' }, /index\.ts:1:\d+: error TS2307/],
  ["broken syntax", { "index.ts": "export const = 1;\n" }, /index\.ts:1:14: error/],
  ["no entry point", { "other.ts": "" }, /index\.ts: the skill's entry point does not exist/],
  ["a broken tsconfig", { "index.ts": "export {};", "tsconfig.json": '{"compilerOptions": {"strict": "maybe"}}' }, /error TS5024/],
];
for (const [what, files, message] of kBroken) {
  test(`an install error: ${what}`, async () => {
    const { code, errors } = await compile(skillOf(files));
    assert.equal(code, 1);
    assert.match(errors, message);
  });
}

test("an entry point outside its folder, or of another kind, is refused", async () => {
  const plain = skillOf({ "index.txt": "" });
  assert.match((await compile(plain, "../../etc/hostname")).errors, /outside|does not exist/);
  assert.match((await compile(plain, "index.txt")).errors, /must be a TypeScript or JavaScript file/);
});

test("strict is the default, and the skill's own choice", async () => {
  const loose = "export function f(a) { return a; }\n";
  assert.match((await compile(skillOf({ "index.ts": loose }))).errors, /TS7006/);
  const chosen = { "index.ts": loose, "tsconfig.json": '{"compilerOptions": {"strict": false}} // comments too' };
  assert.equal((await compile(skillOf(chosen))).errors, "");
});

test("plain JavaScript, CommonJS parts and npm packages", async () => {
  const skill = skillOf({
    "index.js": 'import { defineTool } from "@librebird/skill";\nimport { double } from "./old.cjs";\nimport three from "three-pack";\n' +
      'export const six = defineTool({ name: "six", description: "6", run: () => ({ six: double(three), sep: double.sep }) });\n',
    "old.cjs": 'const { sep } = require("path");\nexports.double = (n) => n * 2;\nexports.double.sep = sep;\n',
    "node_modules/three-pack/package.json": '{"name": "three-pack", "version": "1.0.0", "main": "main.js"}',
    "node_modules/three-pack/main.js": "module.exports = 3;\n",
  });
  assert.equal((await compile(skill, "index.js")).errors, "");
  assert.deepEqual((await call(skill, "six")).last.value, { six: 6, sep: "/" });
});

test("a skill that fails while it loads, or offers nothing, says so at the call and at the description", async () => {
  const cases = [
    ['throw new Error("no config");', /could not be loaded: no config/],
    ["export const x = 1;", /exports no tools/],
    ['import { defineTool as d } from "@librebird/skill"; export const a = d({ name: "a", description: "1", run: () => 1 });' +
      ' export const b = d({ name: "a", description: "2", run: () => 2 });', /Two tools of this skill are named a/],
    ['import { defineTool as d } from "@librebird/skill"; export const a = d({ name: "a b", description: "1", run: () => 1 });',
      /A tool's name is 1 to 64 letters/],
  ];
  for (const [source, message] of cases) {
    const skill = skillOf({ "index.ts": source });
    assert.equal((await compile(skill)).errors, "");
    assert.match((await call(skill, "a")).last.message, message);
    const asked = serve(skill);
    asked.ask({ type: "describe" });
    assert.match((await asked.next("error")).message, message);
    assert.equal((await asked.ended).code, 1);
  }
});
