/** Kinds of bytes that come back as what they were. A Buffer comes back as a Buffer. */
const VIEWS: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

const viewOf = (kind: string) => (Object.hasOwn(VIEWS, kind) ? VIEWS[kind] : undefined);

export const isBytes = (value: object): value is ArrayBuffer | ArrayBufferView =>
  value instanceof ArrayBuffer || (ArrayBuffer.isView(value) && viewOf(kindOf(value)) !== undefined);

/** As the language names it, also for subclasses. */
const kindOf = (view: ArrayBufferView): string => Object.prototype.toString.call(view).slice("[object ".length, -1);

/** Kind and content, base64. */
export function bytesOf(value: ArrayBuffer | ArrayBufferView): readonly [kind: string, base64: string] {
  if (value instanceof ArrayBuffer) return ["ArrayBuffer", Buffer.from(value).toString("base64")];
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return [Buffer.isBuffer(value) ? "Buffer" : kindOf(value), bytes.toString("base64")];
}

/** The reverse of {@link bytesOf}. */
export function bytesFromText([kind = "", base64 = ""]: readonly string[]): ArrayBuffer | ArrayBufferView {
  const bytes = Buffer.from(base64, "base64");
  if (kind === "Buffer") return bytes;
  const { buffer } = new Uint8Array(bytes);
  if (kind === "ArrayBuffer") return buffer;
  const View = viewOf(kind);
  if (View === undefined) throw new TypeError(`unknown kind of bytes: ${kind}`);
  return new View(buffer);
}
