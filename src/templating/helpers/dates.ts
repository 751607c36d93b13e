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
  readonly offset: Intl.DateTimeFormat;
  /** American English knows the short names of American zones, British English those of European ones. */
  readonly names: readonly Intl.DateTimeFormat[];
  readonly spans: Map<number, ZoneSpan>;
}

/** What holds in a zone at an instant. */
interface ZoneSpan {
  readonly offsetMs: number;
  /** `+02:00`. */
  readonly offset: string;
  /** `CEST`; found when it is first asked for. */
  name?: string;
}

const byZone = new Map<string, ZoneFormats>();

/** Formatters of a zone; UTC where the name is unknown. */
function formatsOf(zone: string, scope: RenderScope): ZoneFormats {
  const known = byZone.get(zone);
  if (known !== undefined) return known;
  try {
    const made = {
      offset: new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }),
      names: ["en-US", "en-GB"].map(
        (locale) => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }),
      ),
      spans: new Map<number, ZoneSpan>(),
    };
    if (byZone.size < FORMATS_KEPT) byZone.set(zone, made);
    return made;
  } catch {
    // RangeError: not a zone of the IANA data base.
    scope.warn(`unknown time zone: ${zone}`);
    return formatsOf("UTC", scope);
  }
}

/** Since 2000 no zone has changed its offset but at a whole quarter of an hour. Source: IANA time zone data base, 2026a. */
const QUARTER_MS = 900_000;
const QUARTERS_SINCE_MS = Date.UTC(2000);
const SPANS_KEPT = 1_000;

/** Asking `Intl` takes 20 µs, so it is asked once for each quarter of an hour. */
function spanAt(formats: ZoneFormats, ms: number): ZoneSpan {
  const { spans } = formats;
  if (ms < QUARTERS_SINCE_MS) return readSpan(formats, ms);
  const quarter = Math.floor(ms / QUARTER_MS);
  let span = spans.get(quarter);
  if (span === undefined) {
    span = readSpan(formats, ms);
    if (spans.size >= SPANS_KEPT) spans.clear();
    spans.set(quarter, span);
  }
  return span;
}

function readSpan({ offset: format }: ZoneFormats, ms: number): ZoneSpan {
  const offset = zoneNameIn(format, ms).replace("GMT", "") || "+00:00";
  const [hours = "", minutes = "0", seconds = "0"] = offset.slice(1).split(":");
  const distance = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return { offset, offsetMs: (offset.startsWith("-") ? -distance : distance) * 1_000 };
}

const zoneNameIn = (format: Intl.DateTimeFormat, ms: number): string =>
  format.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "";

function readName({ names: formats }: ZoneFormats, ms: number): string {
  const names = formats.map((format) => zoneNameIn(format, ms));
  return names.find((name) => !/^GMT[+-]/.test(name)) ?? names[0] ?? "";
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

const digits = (value: number, length: number): string => String(value).padStart(length, "0");

/** Formats an instant with the tokens `yyyy MM dd HH mm ss SSS EEE MMM z ZZ`; everything else is literal. */
function formatInstant(ms: number, format: string, zone: string, scope: RenderScope): string {
  const formats = formatsOf(zone, scope);
  const span = spanAt(formats, ms);
  // Within a day of the last instant there is, the zone's time would be none.
  const local = new Date(Math.max(-LATEST_MS, Math.min(LATEST_MS, ms + span.offsetMs)));
  const token = (name: string): string => {
    switch (name) {
      case "yyyy": {
        const year = local.getUTCFullYear();
        // Years before the first are counted back from it: there is none with the number 0.
        return digits(year > 0 ? year : 1 - year, 4);
      }
      case "MM":
        return digits(local.getUTCMonth() + 1, 2);
      case "MMM":
        return MONTHS[local.getUTCMonth()] ?? "";
      case "dd":
        return digits(local.getUTCDate(), 2);
      case "EEE":
        return DAYS[local.getUTCDay()] ?? "";
      case "HH":
        return digits(local.getUTCHours(), 2);
      case "mm":
        return digits(local.getUTCMinutes(), 2);
      case "ss":
        return digits(local.getUTCSeconds(), 2);
      case "SSS":
        return digits(local.getUTCMilliseconds(), 3);
      case "ZZ":
        return span.offset;
      default:
        span.name ??= readName(formats, ms);
        return span.name;
    }
  };
  return format.replaceAll(TOKENS, token);
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
