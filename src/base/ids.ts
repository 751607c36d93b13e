import { randomFillSync } from "node:crypto";
import { V7Generator } from "uuidv7";

const pool = new Uint32Array(128);
let used = pool.length;

/** The library's own source is Web Crypto, which a short-lived command would load for this alone. */
function nextUint32(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const number = pool[used] ?? 0;
  used += 1;
  return number;
}

const generator = new V7Generator({ nextUint32 });

/** A new UUIDv7, lower case with dashes; ids made later in one process sort later. */
export const newId = (): string => generator.generate().toString();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const isUuid = (text: string): boolean => UUID.test(text);
