// What the author of a TypeScript skill imports:
//
//   import { defineTool } from "@librebird/skill";
//
//   export const greet = defineTool({
//     name: "greet",
//     description: "Greets somebody by name.",
//     parameters: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
//     run({ name }) {
//       return { greeting: `Hello, ${name}!` };
//     },
//   });
//
// The arguments' type follows from `parameters`. What run() returns must be JSON; what it throws, the model reads.

/** What a JSON document can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

/** A JSON Schema, as far as the types of arguments follow from it. */
export interface Schema {
  readonly type?: "object" | "string" | "number" | "integer" | "boolean" | "array" | "null";
  readonly description?: string;
  readonly enum?: readonly Json[];
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly [keyword: string]: unknown;
}

type Flat<T> = { [K in keyof T]: T[K] };
type RequiredOf<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;
type ObjectOf<S> = S extends { readonly properties: infer P }
  ? Flat<
      { -readonly [K in keyof P as K extends RequiredOf<S> ? K : never]: FromSchema<P[K]> } & {
        -readonly [K in keyof P as K extends RequiredOf<S> ? never : K]?: FromSchema<P[K]>;
      }
    >
  : Record<string, unknown>;

/** The type of the values that fit a schema; `unknown` where the schema says too little. */
export type FromSchema<S> = S extends { readonly enum: readonly (infer Choice)[] }
  ? Choice
  : S extends { readonly type: "string" }
    ? string
    : S extends { readonly type: "number" | "integer" }
      ? number
      : S extends { readonly type: "boolean" }
        ? boolean
        : S extends { readonly type: "null" }
          ? null
          : S extends { readonly type: "array"; readonly items: infer Item }
            ? FromSchema<Item>[]
            : S extends { readonly type: "array" }
              ? unknown[]
              : S extends { readonly type: "object" }
                ? ObjectOf<S>
                : unknown;

export interface ToolContext {
  /** Aborted when the user stops the call: hand it to fetch() and to whatever else can be stopped. */
  readonly signal: AbortSignal;
  /** The skill's settings by name. A secret is a placeholder that works only in requests to its declared hosts. */
  readonly settings: Readonly<Record<string, string | number | boolean | undefined>>;
  /** The moment of the call. */
  readonly now: Date;
  /** The user's time zone at that moment; the offset is east of UTC. */
  readonly zone: { readonly name: string; readonly abbreviation: string; readonly offsetSeconds: number };
  /** Where the work folder is, if the skill has the permission for it. */
  readonly workDirectory: string;
  /** Says how far the call has come: 0 to 1. */
  progress(fraction: number, message?: string): void;
  /** Shows text to the user while the call runs. */
  output(text: string): void;
  /** Workers only: something happened (a timer rang) that the user should hear of, also after the call. */
  notify(data: Json): void;
}

export interface ToolDefinition<S extends Schema> {
  /** 1 to 64 letters, digits, "_" or "-"; unique in the workspace. */
  readonly name: string;
  /** What the model chooses by. */
  readonly description: string;
  /** JSON Schema of the arguments, type "object". The platform checks them before run() sees them. */
  readonly parameters?: S;
  run(arguments_: FromSchema<S>, context: ToolContext): unknown;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Schema;
  run(arguments_: never, context: ToolContext): unknown;
}

/** Declares one tool. Export it, alone or in a list, from the skill's entry point. */
export function defineTool<const S extends Schema = { readonly type: "object" }>(definition: ToolDefinition<S>): Tool;
