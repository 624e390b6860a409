// What a skill imports at run time: the tools are plain values, so there is nothing to register and nothing to start.

const kTool = Symbol.for("librebird.tool");
const kName = /^[A-Za-z0-9_-]{1,64}$/;

/** Declares one tool; see skill.d.ts. */
export function defineTool(definition) {
  const { name, description, parameters = { type: "object", properties: {} }, run } = definition ?? {};
  if (typeof name !== "string" || !kName.test(name)) {
    throw new TypeError(`A tool's name is 1 to 64 letters, digits, "_" or "-"; ${JSON.stringify(name)} is not.`);
  }
  if (typeof description !== "string" || description.trim() === "") {
    throw new TypeError(`The tool ${name} needs a description: the model chooses by it.`);
  }
  if (typeof parameters !== "object" || parameters === null || parameters.type !== "object") {
    throw new TypeError(`The parameters of the tool ${name} must be a JSON Schema of type "object".`);
  }
  if (typeof run !== "function") throw new TypeError(`The tool ${name} has no function run(arguments, context).`);
  return Object.freeze({ [kTool]: true, name, description, parameters, run });
}

/** The tools among a module's exports: single ones, and lists of them. Throws when two have the same name. */
export function toolsOf(exports) {
  const found = new Map();
  for (const value of Object.values(exports)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item?.[kTool] !== true) continue;
      const known = found.get(item.name);
      if (known !== undefined && known !== item) throw new Error(`Two tools of this skill are named ${item.name}.`);
      found.set(item.name, item);
    }
  }
  return found;
}
