// Compiles one skill, once, when it is installed: types are checked, then the skill's own files become one module.
//
//   node compile.mjs FOLDER ENTRY OUTPUT
//
// Errors go to standard error as FILE:LINE:COLUMN: MESSAGE, relative to FOLDER, at most kMaxErrors of them; exit 1.
// Packages from npm stay where they are (FOLDER/node_modules) and are loaded by Node itself.
import { build } from "esbuild";
import { existsSync, realpathSync } from "node:fs";
import { dirname, extname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const kit = dirname(fileURLToPath(import.meta.url));
const kMaxErrors = 50;
const kTarget = "node18";

class CompileError extends Error {}

function entryOf(folder, entry) {
  const path = resolve(folder, entry);
  if (!existsSync(path)) throw new CompileError(`${entry}: the skill's entry point does not exist`);
  if (!realpathSync(path).startsWith(folder + sep)) throw new CompileError(`${entry}: lies outside the skill's folder`);
  if (![".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"].includes(extname(path))) {
    throw new CompileError(`${entry}: the entry point must be a TypeScript or JavaScript file`);
  }
  return path;
}

// The skill's own tsconfig.json may choose how strict to be; where things are is ours to say.
function optionsOf(folder) {
  const own = join(folder, "tsconfig.json");
  const errors = [];
  let chosen = { strict: true };
  if (existsSync(own)) {
    const read = ts.readConfigFile(own, ts.sys.readFile);
    if (read.error) errors.push(read.error);
    const parsed = ts.parseJsonConfigFileContent({ ...read.config, files: [], include: undefined }, ts.sys, folder);
    // "No inputs": the entry point names them.
    errors.push(...parsed.errors.filter(({ code }) => code !== 18002 && code !== 18003));
    chosen = parsed.options;
  }
  const options = {
    ...chosen,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    allowJs: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    esModuleInterop: true,
    isolatedModules: true,
    skipLibCheck: true,
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    plugins: undefined,
    outDir: undefined,
    rootDir: undefined,
    types: ["node"],
    typeRoots: [join(kit, "node_modules/@types"), join(folder, "node_modules/@types")],
    baseUrl: undefined,
    paths: { "@librebird/skill": [join(kit, "skill.d.ts")] },
    configFilePath: undefined,
  };
  return { options, errors };
}

function placeOf(folder, path, line, column) {
  const inside = relative(folder, path);
  return `${inside.startsWith("..") ? path : inside}:${line}:${column}`;
}

function describeDiagnostic(folder, diagnostic) {
  const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
  const code = `TS${diagnostic.code}`;
  if (!diagnostic.file) return `error ${code}: ${text}`;
  const { line, character } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
  return `${placeOf(folder, diagnostic.file.fileName, line + 1, character + 1)}: error ${code}: ${text}`;
}

function checkTypes(folder, path) {
  const { options, errors } = optionsOf(folder);
  const program = ts.createProgram([path], options);
  const found = [...errors, ...ts.getPreEmitDiagnostics(program)]
    .filter(({ category }) => category === ts.DiagnosticCategory.Error);
  return [...ts.sortAndDeduplicateDiagnostics(found)].map((one) => describeDiagnostic(folder, one));
}

async function bundle(folder, path, output) {
  const result = await build({
    absWorkingDir: folder,
    entryPoints: [path],
    outfile: output,
    bundle: true,
    platform: "node",
    format: "esm",
    target: kTarget,
    packages: "external",
    alias: { "@librebird/skill": join(kit, "skill.js") },
    tsconfigRaw: "{}",
    sourcemap: false,
    logLevel: "silent",
    write: true,
    metafile: true,
  }).catch((error) => error);
  return (result.errors ?? []).map(({ text, location }) =>
    location ? `${placeOf(folder, resolve(folder, location.file), location.line, location.column + 1)}: error: ${text}`
             : `error: ${text}`);
}

async function main([folderText, entry, output]) {
  const folder = realpathSync(folderText);
  const path = entryOf(folder, entry);
  const errors = checkTypes(folder, path);
  if (errors.length === 0) errors.push(...(await bundle(folder, path, resolve(output))));
  if (errors.length === 0) return;
  const shown = errors.slice(0, kMaxErrors);
  if (errors.length > shown.length) shown.push(`and ${errors.length - shown.length} more errors`);
  throw new CompileError(shown.join("\n"));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof CompileError ? error.message : error?.stack ?? error}\n`);
  process.exit(1);
}
