import { SecretValue } from "../base/secret.ts";
import type { BlockClass } from "./block-class.ts";
import type { BlockSchemaRow } from "./block-store.ts";
import type { LooseObject } from "./references.ts";
import { rememberSecret } from "./secret-field.ts";
import { secretPaths } from "./secret-paths.ts";

interface Misfit {
  readonly ref: string;
  readonly issues: readonly { readonly path: string }[];
}

/**
 * Field values of a document that does not fit its class: fields that fit are parsed, the others are as stored,
 * missing ones `null`. A field that holds a secret now, or held one when it was saved, is wrapped as a whole.
 */
export function unvalidated(
  type: BlockClass,
  stored: LooseObject,
  savedSchema: BlockSchemaRow | null,
  { ref, issues }: Misfit,
): Readonly<Record<string, unknown>> {
  const { schema } = type.definition;
  const paths = [...secretPaths(schema), ...savedSecretPaths(savedSchema)];
  const values = Object.entries(schema.shape).map(([key, field]) => {
    const raw = Object.hasOwn(stored, key) ? stored[key] : undefined;
    const parsed = field.safeParse(raw);
    if (parsed.success) return [key, parsed.data] as const;
    const isSecret = paths.some((path) => path === key || path.startsWith(`${key}.`));
    return [key, isSecret && raw !== undefined && raw !== null ? wrapped(raw) : (raw ?? null)] as const;
  });
  const fields = [...new Set(issues.map(({ path }) => path))].join(", ");
  process.emitWarning(`Block "${ref}" does not fit its type. Set and save: ${fields}.`, {
    code: "BELLHOP_BLOCK_UNVALIDATED",
  });
  return Object.fromEntries(values);
}

function wrapped(raw: unknown): SecretValue<unknown> {
  rememberSecret(raw);
  return new SecretValue(raw);
}

function savedSecretPaths(row: BlockSchemaRow | null): string[] {
  const paths = row?.fields["secret_fields"];
  return Array.isArray(paths) ? paths.map(String) : [];
}
