import { BUDGET, RenderFailure, type RenderScope } from "../render-scope.ts";
import { isRecord, isTruthy, member } from "./helper.ts";
import { printValue } from "./print-value.ts";

/** What a template's data frame holds; `@index` and its like are members of it. */
export interface Frame {
  readonly root: unknown;
  readonly render: RenderScope;
  [name: string]: unknown;
}

/** What Handlebars gives a block helper as its last argument. */
interface BlockOptions {
  readonly hash: Readonly<Record<string, unknown>>;
  readonly data: Frame;
  readonly fn: {
    (context: unknown, options?: { readonly data: Frame; readonly blockParams?: readonly unknown[] }): string;
    /** Count of names after `as`. */
    readonly blockParams?: number;
  };
  readonly inverse: (context: unknown) => string;
}

export type BlockHelper = (this: unknown, value: unknown, options: BlockOptions) => string;

/** Handlebars gives the missing branch of a block a function that returns undefined or "". */
const text = (output: string | undefined): string => output ?? "";

const conditional = (isWanted: (truthy: boolean) => boolean): BlockHelper =>
  function (this: unknown, value, options) {
    options.data.render.step();
    const truthy = isTruthy(value) || (value === 0 && options.hash["includeZero"] === true);
    return text(isWanted(truthy) ? options.fn(this) : options.inverse(this));
  };

const withBlock: BlockHelper = function (this: unknown, value, options) {
  options.data.render.step();
  if (!isTruthy(value)) return text(options.inverse(this));
  return text(options.fn(value, { data: options.data, blockParams: [value] }));
};

const eachBlock: BlockHelper = function (this: unknown, value, options) {
  const scope = options.data.render;
  scope.step();
  const keys = isRecord(value) ? Object.keys(value) : undefined;
  const length = Array.isArray(value) ? value.length : (keys?.length ?? 0);
  if (length === 0) return text(options.inverse(this));
  const count = Math.min(length, BUDGET.items);
  const frame: Frame = { ...options.data, _parent: options.data, truncated: length > count };
  const hasParams = (options.fn.blockParams ?? 0) > 0;
  let output = "";
  for (let index = 0; index < count; index += 1) {
    scope.step();
    const key = keys === undefined ? index : keys[index];
    const item: unknown = Array.isArray(value) ? value[index] : member(value, String(key));
    frame["key"] = key;
    frame["index"] = index;
    frame["first"] = index === 0;
    frame["last"] = index === count - 1;
    output += scope.returned(
      text(options.fn(item, hasParams ? { data: frame, blockParams: [item, key] } : { data: frame })),
    );
    if (output.length > BUDGET.outputChars)
      throw new RenderFailure("budget", `more than ${BUDGET.outputChars} characters`);
  }
  return output;
};

/** The block helpers of the language, with a budget and with own members only. */
export const BLOCKS: Readonly<Record<"if" | "unless" | "with" | "each", BlockHelper>> = {
  if: conditional((truthy) => truthy),
  unless: conditional((truthy) => !truthy),
  with: withBlock,
  each: eachBlock,
};

/** `{{lookup map key}}`: the own member with that name. */
export const lookupMember = (scope: RenderScope, owner: unknown, key: unknown): unknown =>
  member(owner, printValue(key, scope));
