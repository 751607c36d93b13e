import { z } from "zod";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { redact } from "../base/redactor.ts";
import { isPlain } from "./stored-parameters.ts";

/** Under which keys the input of one pause is stored. Source: Prefect 3, input/run_input.py, keyset_from_base_key. */
export interface RunInputKeyset {
  readonly description: string;
  readonly response: string;
  readonly schema: string;
}

export function keysetOf(stateName: string, pauseKey: string): RunInputKeyset {
  const base = `${stateName.toLowerCase()}-${pauseKey}`;
  return { description: `${base}-description`, response: `${base}-response`, schema: `${base}-schema` };
}

/** What a paused run waits for. */
export interface WantedInput<T = unknown> {
  /** As whoever resumes the run sees it; always of an object. */
  readonly document: JsonObject;
  /** What the code that waits gets, or why not. */
  read(stored: JsonValue | undefined): Promise<{ readonly value: T } | { readonly problems: string }>;
}

/**
 * The form of an input. A schema that is not one of an object is asked for as `{ value }`. What JSON Schema cannot
 * express takes anything there, and is checked when it is read.
 */
export function wantedInput<S extends z.ZodType>(schema: S): WantedInput<z.output<S>> {
  const isObject = schema._zod.def.type === "object";
  const form = isObject ? schema : z.object({ value: schema });
  return {
    // Made of JSON by zod itself.
    document: z.toJSONSchema(form, { io: "input", unrepresentable: "any" }) as unknown as JsonObject,
    read: async (stored) => {
      const parsed = await form.safeParseAsync(stored ?? {});
      if (!parsed.success) return { problems: problemsOf(parsed.error) };
      // The form holds exactly the given schema, under `value` where it had to be wrapped.
      const data = parsed.data as { readonly value: z.output<S> } & z.output<S>;
      return { value: isObject ? data : data.value };
    },
  };
}

const problemsOf = (error: z.ZodError): string =>
  redact(
    error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; "),
  );

export type CheckedInput = { readonly input: JsonObject } | { readonly reason: string };

/**
 * Checks what a run is resumed with against the stored schema.
 *
 * @param given What the caller gave; nothing is the same as an object without fields, so that defaults may do.
 * @see Prefect 3, server/api/flow_runs.py, resume_flow_run
 */
export function checkInput(schema: JsonValue | undefined, given: unknown): CheckedInput {
  const hydrated = hydrate(given ?? {});
  if ("reason" in hydrated) return hydrated;
  const { value } = hydrated;
  if (!isPlain(value)) return { reason: "the input must be an object" };
  if (schema === undefined) return { reason: "the schema of the input is missing" };
  const validator = validatorOf(schema);
  if (validator === null) return { reason: "the schema of the input is not JSON Schema" };
  const parsed = validator.safeParse(value);
  if (!parsed.success) return { reason: `the input is not valid: ${problemsOf(parsed.error)}` };
  // Hydrating made it of JSON.
  return { input: value as JsonObject };
}

/** Null: not a schema. A client of another language may have stored it as a text. */
function validatorOf(schema: JsonValue): z.ZodType | null {
  try {
    const document: unknown = typeof schema === "string" ? JSON.parse(schema) : schema;
    // Zod checks it, and throws.
    return isPlain(document) ? z.fromJSONSchema(document) : null;
  } catch {
    // A text that is not JSON, or a keyword that zod does not know.
    return null;
  }
}

type Hydrated = { readonly value: unknown } | { readonly reason: string };

const KIND = "__prefect_kind";

/**
 * The value as JSON, with placeholders of Prefect clients replaced: `{"__prefect_kind": "json", "value": "[1]"}` is `[1]`.
 * Placeholders that need a server's variables or templates are refused.
 */
function hydrate(given: unknown): Hydrated {
  let json: unknown;
  try {
    json = JSON.parse(JSON.stringify(given));
  } catch {
    // Cycles and big integers.
    return { reason: "the input is not JSON" };
  }
  const problems: string[] = [];
  const value = replaced(json, problems);
  return problems.length === 0 ? { value } : { reason: problems.join("; ") };
}

function replaced(json: unknown, problems: string[]): unknown {
  if (Array.isArray(json)) return json.map((item) => replaced(item, problems));
  if (!isPlain(json)) return json;
  if (!(KIND in json)) {
    return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, replaced(item, problems)]));
  }
  const { [KIND]: kind, value } = json;
  if (kind === "none") return replaced(value ?? null, problems);
  if (kind === "json" && typeof value === "string") {
    try {
      return JSON.parse(value);
    } catch {
      problems.push("a placeholder in the input does not hold JSON");
      return null;
    }
  }
  problems.push(`a placeholder in the input is of the kind ${redact(JSON.stringify(kind))}, which is not known here`);
  return null;
}
