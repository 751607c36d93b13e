import { dig, type Helper, isRecord, toNumber } from "./helper.ts";
import { printValue } from "./print-value.ts";

/** Arrays stay, the values of a map become a list, anything else is empty. */
const asList = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value;
  return isRecord(value) ? Object.values(value) : [];
};

const ofList = (fn: (list: readonly unknown[]) => unknown): Helper => ({
  min: 1,
  max: 1,
  fn: (_call, value) => fn(asList(value)),
});

const ofListAndCount = (fn: (list: readonly unknown[], count: number) => unknown): Helper => ({
  min: 2,
  max: 2,
  fn: (_call, value, count) => fn(asList(value), Math.max(0, Math.floor(toNumber(count) ?? 0))),
});

const ofListAndPath = (fn: (list: readonly unknown[], read: (item: unknown) => unknown) => unknown): Helper => ({
  min: 2,
  max: 2,
  fn: ({ scope }, value, path) => {
    const name = printValue(path, scope);
    return fn(asList(value), (item) => dig(item, name));
  },
});

/** Numbers by value, everything else as text; what is absent comes last. */
function order(a: unknown, b: unknown): number {
  if (a === undefined || a === null) return b === undefined || b === null ? 0 : 1;
  if (b === undefined || b === null) return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [String(a), String(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function grouped(list: readonly unknown[], read: (item: unknown) => unknown): unknown[] {
  const groups = new Map<unknown, unknown[]>();
  for (const item of list) {
    const key = read(item) ?? "";
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return Array.from(groups, ([key, items]) => ({ key, items }));
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return isRecord(value) ? Object.keys(value).length : 0;
}

export const LISTS: Readonly<Record<string, Helper>> = {
  length: { min: 1, max: 1, fn: (_call, value) => lengthOf(value) },
  first: ofList((list) => list[0] ?? ""),
  last: ofList((list) => list.at(-1) ?? ""),
  limit: ofListAndCount((list, count) => list.slice(0, count)),
  skip: ofListAndCount((list, count) => list.slice(count)),
  reverse: ofList((list) => list.toReversed()),
  sortBy: ofListAndPath((list, read) => list.toSorted((a, b) => order(read(a), read(b)))),
  pluck: ofListAndPath((list, read) => list.map((item) => read(item) ?? "")),
  groupBy: ofListAndPath(grouped),
  unique: ofList((list) => [...new Set(list)]),
  keys: { min: 1, max: 1, fn: (_call, value) => (isRecord(value) ? Object.keys(value) : []) },
  values: ofList((list) => list),
  label: {
    min: 2,
    max: 2,
    fn: ({ scope }, owner, name) => {
      const labels = isRecord(owner) && isRecord(owner["labels"]) ? owner["labels"] : owner;
      const key = printValue(name, scope);
      return isRecord(labels) && Object.hasOwn(labels, key) ? labels[key] : "";
    },
  },
};
