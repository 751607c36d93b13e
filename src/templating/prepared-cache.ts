import type { Engine } from "./engine.ts";
import { prepareVariant, type PreparedVariant } from "./prepare.ts";
import type { TemplateCatalog, TemplateSource } from "./template-source.ts";

const INLINE_KEPT = 500;

/** Files of a catalog are prepared once; the catalog hands out the same objects every time. */
const byFile = new WeakMap<TemplateSource, PreparedVariant>();
/** Texts given in code, by variant and content; the oldest goes first. */
const byText = new WeakMap<TemplateCatalog, Map<string, PreparedVariant>>();

/** The compiled form of a variant, made at first use. */
export function prepared(files: readonly TemplateSource[], catalog: TemplateCatalog, engine: Engine): PreparedVariant {
  const [first] = files;
  if (first === undefined) throw new RangeError("a variant has at least one file");
  if (first.origin === "inline") return preparedInline(files, catalog, engine);
  const known = byFile.get(first);
  if (known !== undefined) return known;
  const made = prepareVariant(files, catalog, engine);
  byFile.set(first, made);
  return made;
}

function preparedInline(files: readonly TemplateSource[], catalog: TemplateCatalog, engine: Engine): PreparedVariant {
  const texts = byText.get(catalog) ?? new Map<string, PreparedVariant>();
  byText.set(catalog, texts);
  const key = JSON.stringify(files.map(({ variant, text }) => [variant, text]));
  const known = texts.get(key);
  // Put back at the end: what is used stays.
  if (known !== undefined) texts.delete(key);
  const made = known ?? prepareVariant(files, catalog, engine);
  texts.set(key, made);
  const [oldest] = texts.keys();
  if (texts.size > INLINE_KEPT && oldest !== undefined) texts.delete(oldest);
  return made;
}
