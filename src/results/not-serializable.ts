import { BellhopError } from "../base/errors.ts";
import { redact } from "../base/redactor.ts";

/** Keys that lead to a place in a value. */
export type Path = readonly string[];

export const pathOf = (path: Path): string => redact(path.length === 0 ? "the top" : path.join("."));

export const notSerializable = (serializer: string, found: string, path: string): BellhopError =>
  new BellhopError("result_not_serializable", { serializer, found, path });

/** The step to the item of a map. A key that is an object may have a `toString` that is none. */
export const mapStep = (key: unknown): string => (typeof key === "object" && key !== null ? "(value)" : String(key));
