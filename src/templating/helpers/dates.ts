import { escapeHtml, ESCAPE } from "../escape.ts";
import { markup } from "../markup.ts";
import type { RenderScope } from "../render-scope.ts";
import { type Helper, toInstant } from "./helper.ts";
import { printValue } from "./print-value.ts";

const DEFAULT_FORMAT = "yyyy-MM-dd HH:mm";
const TOKENS = /yyyy|SSS|EEE|MMM|MM|dd|HH|mm|ss|ZZ|z/g;
const FORMATS_KEPT = 50;

/** A Date cannot hold more. Source: ECMAScript, "Time Values and Time Range". */
const LATEST_MS = 8.64e15;

interface ZoneFormats {
  readonly parts: Intl.DateTimeFormat;
  /** American English knows the short names of American zones, British English those of European ones. */
  readonly zones: readonly Intl.DateTimeFormat[];
}

const byZone = new Map<string, ZoneFormats>();

/** Formatters of a zone; UTC where the name is unknown. */
function formatsOf(zone: string, scope: RenderScope): ZoneFormats {
  const known = byZone.get(zone);
  if (known !== undefined) return known;
  try {
    const made = {
      parts: new Intl.DateTimeFormat("en", {
        timeZone: zone,
        hourCycle: "h23",
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
        weekday: "short",
        timeZoneName: "longOffset",
      }),
      zones: ["en-US", "en-GB"].map(
        (locale) => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }),
      ),
    };
    if (byZone.size < FORMATS_KEPT) byZone.set(zone, made);
    return made;
  } catch {
    // RangeError: not a zone of the IANA data base.
    scope.warn(`unknown time zone: ${zone}`);
    return formatsOf("UTC", scope);
  }
}

function zoneName({ zones }: ZoneFormats, ms: number): string {
  const names = zones.map((zone) => zone.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "");
  return names.find((name) => !/^GMT[+-]/.test(name)) ?? names[0] ?? "";
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** Formats an instant with the tokens `yyyy MM dd HH mm ss SSS EEE MMM z ZZ`; everything else is literal. */
function formatInstant(ms: number, format: string, zone: string, scope: RenderScope): string {
  const formats = formatsOf(zone, scope);
  const parts: Record<string, string> = {};
  for (const { type, value } of formats.parts.formatToParts(ms)) parts[type] = value;
  const read = (name: string): string => parts[name] ?? "";
  const tokens: Readonly<Record<string, () => string>> = {
    yyyy: () => read("year").padStart(4, "0"),
    MM: () => read("month"),
    MMM: () => MONTHS[Number(read("month")) - 1] ?? "",
    dd: () => read("day"),
    EEE: () => read("weekday"),
    HH: () => read("hour"),
    mm: () => read("minute"),
    ss: () => read("second"),
    SSS: () => String(((ms % 1_000) + 1_000) % 1_000).padStart(3, "0"),
    ZZ: () => read("timeZoneName").replace("GMT", "") || "+00:00",
    z: () => zoneName(formats, ms),
  };
  return format.replaceAll(TOKENS, (token) => tokens[token]?.() ?? token);
}

/** Epoch milliseconds of an ISO text or of seconds given as a number. */
const instantOf = (value: unknown): number | undefined => {
  const ms = typeof value === "number" ? value * 1_000 : toInstant(value);
  return ms === undefined || !(Math.abs(ms) <= LATEST_MS) ? undefined : ms;
};

const SPANS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** `just now`, `3 minutes ago`, `in 2 hours`; days only from 48 hours on. */
function relativeText(ms: number, nowMs: number): string {
  const seconds = Math.round((ms - nowMs) / 1_000);
  const distance = Math.abs(seconds);
  if (distance < 10) return "just now";
  const [unit, size] = SPANS.find(([name, length]) => distance >= (name === "day" ? length * 2 : length)) ?? SPANS[3];
  const count = Math.floor(distance / size);
  const span = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `${span} ago` : `in ${span}`;
}

const optional = (value: unknown, fallback: string, scope: RenderScope): string =>
  value === undefined || value === null || value === "" ? fallback : printValue(value, scope);

/** Slack shows it in each reader's own zone. Source: Slack docs, "Formatting text for app surfaces", date formatting. */
function slackDate(ms: number, fallback: string): string {
  return `<!date^${Math.floor(ms / 1_000)}^{date_short_pretty} {time}|${ESCAPE["slack-mrkdwn"](fallback).replaceAll("|", "/")}>`;
}

export const DATES: Readonly<Record<string, Helper>> = {
  date: {
    min: 1,
    max: 1,
    hash: ["format", "tz"],
    fn: ({ scope, hash }, value) => {
      const ms = instantOf(value);
      if (ms === undefined) return "";
      const zone = optional(hash["tz"], scope.context.timezone, scope);
      return formatInstant(ms, optional(hash["format"], DEFAULT_FORMAT, scope), zone, scope);
    },
  },
  time: {
    min: 1,
    max: 1,
    hash: ["format", "tz"],
    fn: ({ scope, hash }, value) => {
      const ms = instantOf(value);
      if (ms === undefined) return "";
      const zone = optional(hash["tz"], scope.context.timezone, scope);
      const plain = formatInstant(ms, optional(hash["format"], `${DEFAULT_FORMAT} z`, scope), zone, scope);
      return markup(plain, (dialect) => {
        if (dialect === "html") return `<time datetime="${new Date(ms).toISOString()}">${escapeHtml(plain)}</time>`;
        return dialect === "slack-mrkdwn" ? slackDate(ms, plain) : ESCAPE[dialect](plain);
      });
    },
  },
  iso: {
    min: 1,
    max: 1,
    fn: (_call, value) => {
      const ms = instantOf(value);
      return ms === undefined ? "" : new Date(ms).toISOString();
    },
  },
  unix: {
    min: 1,
    max: 1,
    fn: (_call, value) => {
      const ms = instantOf(value);
      return ms === undefined ? "" : Math.floor(ms / 1_000);
    },
  },
  relative: {
    min: 1,
    max: 1,
    hash: ["to"],
    fn: ({ scope, hash }, value) => {
      const ms = instantOf(value);
      const nowMs = instantOf(hash["to"] ?? scope.context.now);
      return ms === undefined || nowMs === undefined ? "" : relativeText(ms, nowMs);
    },
  },
};
