import { isMarkup } from "../markup.ts";
import type { RenderScope } from "../render-scope.ts";

/** A value as plain text, the way `{{x}}` shows it before escaping. */
export function printValue(value: unknown, scope: RenderScope): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value === null || value === undefined) return "";
  if (isMarkup(value)) return value.plain;
  if (Array.isArray(value)) return value.map((item: unknown) => printValue(item, scope)).join(", ");
  scope.warn("an object was printed as text; {{json x}} prints it as JSON");
  return "[object]";
}
