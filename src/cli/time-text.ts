/** `84 ms`, `1.2 s`, `4m 10s`, `3h 5m`, `2d 4h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days}d ${hours}h`;
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${seconds % 60}s`;
}

/** `12 s ago`, `in 3m 4s`; `now` within half a second. */
export function distanceText(atMs: number, nowMs: number): string {
  const away = Math.abs(atMs - nowMs);
  if (away < 500) return "now";
  const text = durationText(away < 60_000 ? Math.round(away / 1_000) * 1_000 : away).replace(".0 s", " s");
  return atMs > nowMs ? `in ${text}` : `${text} ago`;
}

/** Local date and time to the second, `2026-11-20 14:03:09`; sorts as text and names no zone. */
export function localTime(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
