/** Largest first; seconds each. */
const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** `850ms`, `12s`, `3m 20s`, `2h 5m`, `4d 3h`: the two largest units. A zero second unit is left out. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 0) return `-${durationText(-seconds)}`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1_000)}ms`;
  return twoUnits(rounded(seconds));
}

/** Rounds to the smaller of the two units that will be shown, so that 59m 59.7s reads as one hour. */
function rounded(seconds: number): number {
  const whole = Math.round(seconds);
  if (whole >= 86_400) return Math.round(whole / 3_600) * 3_600;
  return whole >= 3_600 ? Math.round(whole / 60) * 60 : whole;
}

function twoUnits(whole: number): string {
  for (const [index, [unit, size]] of UNITS.entries()) {
    if (whole < size) continue;
    const next = UNITS[index + 1];
    const rest = next === undefined ? 0 : Math.floor((whole % size) / next[1]);
    const head = `${Math.floor(whole / size)}${unit}`;
    return next === undefined || rest === 0 ? head : `${head} ${rest}${next[0]}`;
  }
  return "0s";
}
