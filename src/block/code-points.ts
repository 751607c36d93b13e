/**
 * Orders texts by code point. JavaScript's own order is by UTF-16 unit and differs for characters beyond U+FFFF; what
 * is hashed or authenticated must not depend on that.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    const leftHigh = isSurrogate(left);
    // A surrogate stands for a character beyond every other unit.
    return leftHigh === isSurrogate(right) ? left - right : leftHigh ? 1 : -1;
  }
  return a.length - b.length;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
