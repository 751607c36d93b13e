import type { JsonObject, JsonValue } from "../base/json.ts";
import { type BlockRef, parseReference } from "../block/reference.ts";
import { isPlain } from "../runs/stored-parameters.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";

/** What `notify()` sends, and for how long it tries. */
export interface NotifyOptions {
  /** Name of a template; default by state: `run-failed`, `run-crashed`, `run-completed`, `run-retrying`, `run-cancelled`. */
  readonly template?: string;
  /** Overrides the severity that the state gives. */
  readonly severity?: "info" | "success" | "warning" | "error" | "critical";
  /** Free values for the template, as `{{vars.x}}`. */
  readonly vars?: Readonly<Record<string, JsonValue>>;
  /** Give up after this many milliseconds; default: the channel's own age limit. */
  readonly expiresInMs?: number;
  /** Saved block that gets the message, once, when this one does not take it; default: what the block itself names. */
  readonly fallback?: NotifyRef;
}

/** What a declarative hook says, as data. */
export interface NotifyDeclaration {
  readonly ref: string;
  readonly options: JsonObject;
}

/** A hook that is stored with the run and delivered however the run ends. It is data: the engine never calls it. */
export interface NotifyHook {
  readonly declaration: NotifyDeclaration;
}
export type NotifyRef = BlockRef | (string & {});

const NOTIFY = Symbol.for("bellhop.NotifyHook");

/** True for what {@link notify} made, also when it comes from a second installed copy of the package. */
export const isNotifyHook = (value: unknown): value is NotifyHook =>
  typeof value === "object" && value !== null && NOTIFY in value;

/**
 * A hook that sends a notification through a saved block. It is stored with the run when the run is made, and its
 * delivery with the state that it is about, so it arrives however the run ends: also after a kill or a lost machine.
 * The block is looked up when it is sent.
 *
 * @example
 * flow({ onFailure: [notify("slack-webhook/ops", { template: "run-failed" })] }, nightly)
 *
 * @param ref `<type-slug>/<name>` of a saved block.
 * @throws invalid_block_reference, invalid_definition
 */
export function notify(ref: NotifyRef, options: NotifyOptions = {}): NotifyHook {
  parseReference(ref);
  const declaration = Object.freeze({ ref, options: checkOptions(options) });
  const hook: NotifyHook = { declaration };
  return Object.freeze(Object.defineProperty(hook, NOTIFY, { value: true }));
}

const SEVERITIES: readonly unknown[] = ["info", "success", "warning", "error", "critical"];

/** What each option must be; the message ends "must be …". */
const CHECKS: Readonly<
  Record<keyof NotifyOptions, { readonly fits: (value: unknown) => boolean; readonly must: string }>
> = {
  template: { fits: (value) => typeof value === "string" && value !== "", must: "the name of a template" },
  severity: { fits: (value) => SEVERITIES.includes(value), must: `one of ${SEVERITIES.join(", ")}` },
  vars: { fits: (value) => isPlain(value) && isJson(value), must: "an object of JSON values" },
  expiresInMs: {
    fits: (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
    must: "a number of milliseconds above 0",
  },
  fallback: { fits: isReference, must: "a block reference, <type-slug>/<name>" },
};

const isOption = (key: string): key is keyof NotifyOptions => Object.hasOwn(CHECKS, key);

function checkOptions(options: unknown): JsonObject {
  if (!isPlain(options)) {
    throw new CodedTypeError("invalid_definition", {
      option: "notify options",
      problem: `an object is needed, got ${typeName(options)}`,
    });
  }
  const checked: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(options)) {
    if (!isOption(key)) {
      const known = Object.keys(CHECKS).join(", ");
      throw new CodedTypeError("invalid_definition", {
        option: `notify: ${key}`,
        problem: `there is no such option (there are: ${known})`,
      });
    }
    if (value === undefined) continue;
    const { fits, must } = CHECKS[key];
    if (!fits(value))
      throw new CodedTypeError("invalid_definition", { option: `notify: ${key}`, problem: `it must be ${must}` });
    // A copy, so that changing the given object later changes nothing. The check above says that it is JSON.
    checked.push([key, structuredClone(value) as JsonValue]);
  }
  return Object.freeze(Object.fromEntries(checked));
}

function isReference(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    parseReference(value);
    return true;
  } catch {
    // invalid_block_reference
    return false;
  }
}

/** Plain JSON all the way down; a circular value is not. */
function isJson(value: unknown, parents: readonly unknown[] = []): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || parents.includes(value)) return false;
  if (!Array.isArray(value) && !isPlain(value)) return false;
  const inside = [...parents, value];
  return Object.values(value).every((item) => isJson(item, inside));
}
