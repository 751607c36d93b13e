import { BellhopError } from "../base/errors.ts";
import type { RenderRequest } from "./render-request.ts";
import { templateForState } from "./template-for-state.ts";
import type { TemplateCatalog, TemplateOrigin, TemplateSource } from "./template-source.ts";
import { INLINE_VARIANT, VARIANTS_OF } from "./variants.ts";

/** One thing to try: the file of a variant, or the files of a mail in parts. */
export interface Candidate {
  readonly files: readonly TemplateSource[];
  readonly origin: TemplateOrigin;
  readonly name: string;
  readonly variant: string;
  /** `<origin>:<name>/<variant>`, for records. */
  readonly label: string;
}

export interface Candidates {
  readonly list: readonly Candidate[];
  /** Why the wanted template is not among them. */
  readonly problem: string | null;
}

const ORIGINS = ["inline", "project", "built-in"] as const;

/** A catalog never changes, so neither does what it has for a name and a channel. */
const known = new WeakMap<TemplateCatalog, WeakMap<readonly string[], Map<string, Candidates>>>();

/**
 * Everything a message can be rendered from, best first: the variants of the wanted template in the order of the
 * channel, source by source, then the built-in template of the state.
 */
export function candidatesFor(request: RenderRequest): Candidates {
  const { catalog, context, dialect } = request;
  const kind = templateForState(context.state.type, context.state.name);
  const wanted = request.name ?? kind;
  const variants = request.variants ?? VARIANTS_OF[dialect];
  if (request.inline !== undefined) return find(request, { kind, wanted, variants });
  const byVariants = known.get(catalog) ?? new WeakMap<readonly string[], Map<string, Candidates>>();
  known.set(catalog, byVariants);
  const byKey = byVariants.get(variants) ?? new Map<string, Candidates>();
  byVariants.set(variants, byKey);
  const key = wanted === kind ? wanted : `${wanted}\n${kind}`;
  const found = byKey.get(key);
  if (found !== undefined) return found;
  const made = find(request, { kind, wanted, variants });
  // Names come from code and stored hooks; the bound is for a caller that makes them up.
  if (byKey.size < CHOICES_KEPT) byKey.set(key, made);
  return made;
}

const CHOICES_KEPT = 500;

interface Wanted {
  readonly kind: string;
  readonly wanted: string;
  readonly variants: readonly string[];
}

function find(request: RenderRequest, { kind, wanted, variants }: Wanted): Candidates {
  const { catalog } = request;
  const inline = inlineSources(request, wanted);
  let problem: string | null = null;
  let named: readonly TemplateSource[] = [];
  try {
    named = catalog.sources(wanted);
  } catch (error) {
    if (!BellhopError.is(error)) throw error;
    if (inline.length === 0) problem = `${error.code}: ${error.message}`;
  }
  const fallback =
    wanted !== kind && catalog.has(kind) ? catalog.sources(kind).filter(({ origin }) => origin === "built-in") : [];
  const list = [...inline, ...named, ...fallback];
  return {
    list: [...inOrder([...inline, ...named], variants), ...inOrder(fallback, variants)],
    problem: list.length === 0 ? (problem ?? "no template") : problem,
  };
}

function inlineSources({ inline, dialect }: RenderRequest, name: string): TemplateSource[] {
  if (inline === undefined) return [];
  const texts = typeof inline === "string" ? { [INLINE_VARIANT[dialect]]: inline } : inline;
  return Object.entries(texts).map(([variant, text]) => ({
    origin: "inline",
    name,
    variant,
    file: `inline ${name}`,
    text,
  }));
}

function inOrder(sources: readonly TemplateSource[], variants: readonly string[]): Candidate[] {
  return ORIGINS.flatMap((origin) => {
    const own = sources.filter((source) => source.origin === origin);
    return variants.flatMap((variant) => {
      const files = own.filter(
        (source) => source.variant === variant || (variant === "email" && source.variant.startsWith("email.")),
      );
      const whole = files.find((source) => source.variant === variant);
      const [first] = files;
      if (first === undefined) return [];
      const label = `${origin}:${first.name}/${variant}`;
      return [{ files: whole === undefined ? files : [whole], origin, name: first.name, variant, label }];
    });
  });
}
