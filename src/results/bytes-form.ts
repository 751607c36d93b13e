/** Kinds of bytes that come back as what they were. A Buffer comes back as a Buffer. */
const VIEWS = {
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
} as const;

const isView = (kind: string): kind is keyof typeof VIEWS => Object.hasOwn(VIEWS, kind);

export const isBytes = (value: object): value is ArrayBuffer | ArrayBufferView =>
  value instanceof ArrayBuffer || (ArrayBuffer.isView(value) && (Buffer.isBuffer(value) || kindOf(value) !== undefined));

const kindOf = (view: ArrayBufferView): keyof typeof VIEWS | undefined => {
  const kind = Object.prototype.toString.call(view).slice("[object ".length, -1);
  return isView(kind) ? kind : undefined;
};

/** Kind and content, base64. */
export function bytesOf(value: ArrayBuffer | ArrayBufferView): readonly [kind: string, base64: string] {
  if (value instanceof ArrayBuffer) return ["ArrayBuffer", Buffer.from(value).toString("base64")];
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return [Buffer.isBuffer(value) ? "Buffer" : (kindOf(value) ?? "Uint8Array"), bytes.toString("base64")];
}

/** The reverse of {@link bytesOf}. */
export function bytesFromText([kind = "", base64 = ""]: readonly string[]): ArrayBuffer | ArrayBufferView {
  const bytes = Buffer.from(base64, "base64");
  if (kind === "Buffer") return bytes;
  const { buffer } = new Uint8Array(bytes);
  if (kind === "ArrayBuffer") return buffer;
  if (!isView(kind)) throw new TypeError(`unknown kind of bytes: ${kind}`);
  return new VIEWS[kind](buffer);
}
