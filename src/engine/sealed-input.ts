import { messageOf } from "../base/errors.ts";
import type { JsonValue } from "../base/json.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import type { Sealer } from "../block/sealer.ts";
import { isPlain } from "../runs/stored-parameters.ts";

/** What a run is resumed with may be a password, so it is stored encrypted. */
const SEALED = "$sealed";

interface Sealing {
  /** Absent: inputs are stored as they are, known secrets masked. */
  readonly sealer?: Sealer;
  readonly log: Logger;
}

const boundTo = (runId: string, key: string): string => `run-input/${runId}/${key}`;

/** The input as it is stored. Without a master key known secrets in it are masked, as everywhere in the store. */
export async function sealInput(
  { sealer, log }: Sealing,
  runId: string,
  key: string,
  value: JsonValue,
): Promise<JsonValue> {
  if (sealer === undefined) return value;
  try {
    const sealed = await sealer.seal(Buffer.from(JSON.stringify(value)), boundTo(runId, key));
    return { [SEALED]: Buffer.from(sealed).toString("base64") };
  } catch (error) {
    log.warn("the input of a run could not be encrypted", { run: runId, error: redact(messageOf(error)) });
    return value;
  }
}

/** The input as it was given; undefined when there is none, or when it was changed in the store. */
export async function openInput(
  { sealer }: Sealing,
  runId: string,
  key: string,
  stored: JsonValue | undefined,
): Promise<JsonValue | undefined> {
  const sealed = isPlain(stored) ? stored[SEALED] : undefined;
  if (typeof sealed !== "string") return stored;
  const plain = await sealer?.open(Buffer.from(sealed, "base64"), boundTo(runId, key));
  // Written by `sealInput` from JSON.
  return plain === undefined ? undefined : (JSON.parse(Buffer.from(plain).toString()) as JsonValue);
}
