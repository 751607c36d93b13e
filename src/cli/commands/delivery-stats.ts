import type { JsonObject } from "../../base/json.ts";
import type { DestinationHealth } from "../../delivery/delivery.ts";
import type { DestinationStats } from "../../delivery/outbox-store.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { sinceOf } from "../delivery/selection.ts";
import { blockedBy } from "../delivery/waiting.ts";
import { withProgress } from "../progress.ts";
import { type Column, table } from "../table.ts";
import { distanceText, durationText } from "../time-text.ts";

const DAY_MS = 86_400_000;

export const deliveryStats: CommandSpec = {
  description:
    "How each destination fares: what waits and since when, what was delivered, given up or is uncertain, how many " +
    "attempts succeed and how long they take, and whether it is paused, disabled or failing.",
  options: [
    { flags: "--since <when>", text: "attempts since then are counted, e.g. 24h, 2026-11-20 (default 24h)" },
    { flags: "--destination <ref>", text: "only this block" },
  ],
  examples: [
    { line: "bellhop delivery stats", text: "the last day" },
    { line: "bellhop delivery stats --since 1h --json", text: "the last hour, for monitoring" },
  ],
  run: async (context) => {
    const { out, clock, options, core } = context;
    const { outbox } = (await core()).store;
    const nowMs = clock.now();
    const sinceMs = sinceOf(context) ?? nowMs - DAY_MS;
    const destination = options.text("destination");
    const [stats, healths, pauses] = await withProgress(out, clock, "counting", () =>
      Promise.all([
        outbox.stats({
          nowMs,
          windowMs: Math.max(0, nowMs - sinceMs),
          ...(destination === undefined ? {} : { destination }),
        }),
        outbox.listHealth(),
        outbox.pauses(),
      ]),
    );
    const health = new Map(healths.map((one) => [one.destination, one]));
    const pausedUntil = new Map(pauses.map((pause) => [pause.destination, pause.untilMs]));
    const rows = stats.map((one): Row => ({
      stats: one,
      health: health.get(one.destination) ?? null,
      pausedUntilMs: pausedUntil.get(one.destination) ?? null,
    }));
    out.value({
      since: iso(sinceMs),
      until: iso(nowMs),
      destinations: rows.map((row) => rowJson(row, nowMs)),
    });
    if (rows.length === 0) out.note("No deliveries.");
    else table(out, columns(context, nowMs), rows);
  },
};

interface Row {
  readonly stats: DestinationStats;
  readonly health: DestinationHealth | null;
  readonly pausedUntilMs: number | null;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null | undefined): string | null => (ms == null ? null : iso(ms));

function rowJson({ stats, health, pausedUntilMs }: Row, nowMs: number): JsonObject {
  const { counts, latency } = stats;
  return {
    destination: stats.destination,
    queued: counts.queued,
    oldest_due: isoOrNull(stats.oldestDueMs),
    sending: counts.sending,
    delivered: counts.delivered,
    dead: counts.dead,
    suppressed: counts.suppressed,
    uncertain: stats.uncertain,
    attempts: stats.attempts,
    success_ratio: stats.successRatio,
    latency_ms:
      latency === null ? null : { p50: latency.p50Ms, p95: latency.p95Ms, p99: latency.p99Ms, max: latency.maxMs },
    paused_until: isoOrNull(pausedUntilMs),
    breaker: health?.breaker ?? "closed",
    breaker_probe: isoOrNull(blockedBy(health, nowMs).find(({ why }) => why === "breaker")?.untilMs),
    disabled: health?.disabledReason ?? null,
    failing_since: isoOrNull(health?.failingSinceMs),
    last_success: isoOrNull(health?.lastSuccessMs),
    last_failure: health?.memory.lastFailure ?? null,
  };
}

function columns({ out }: CommandContext, nowMs: number): Column<Row>[] {
  const number = (title: string, of: (stats: DestinationStats) => number): Column<Row> => ({
    title,
    of: ({ stats }) => String(of(stats)),
  });
  return [
    { title: "DESTINATION", of: ({ stats }) => stats.destination },
    number("QUEUED", ({ counts }) => counts.queued),
    number("OUT", ({ counts }) => counts.sending),
    number("SENT", ({ counts }) => counts.delivered),
    {
      title: "DEAD",
      of: ({ stats }) => String(stats.counts.dead),
      paint: (text, { stats }) => (stats.counts.dead === 0 ? text : out.paint.bad(text)),
    },
    number("UNSURE", ({ uncertain }) => uncertain),
    { title: "OK", of: ({ stats }) => ratioText(stats.successRatio) },
    { title: "P50", of: ({ stats }) => latencyText(stats.latency?.p50Ms) },
    { title: "P99", of: ({ stats }) => latencyText(stats.latency?.p99Ms) },
    {
      title: "STATE",
      of: (row) => stateText(row, nowMs),
      paint: (text, row) => (troubleText(row, nowMs) === "" ? out.paint.good(text) : out.paint.warn(text)),
      flexible: true,
    },
  ];
}

/** Never rounded up to 100 %. */
const ratioText = (ratio: number | null): string => (ratio === null ? "-" : `${Math.floor(ratio * 1_000) / 10}%`);

const latencyText = (ms: number | undefined): string => (ms === undefined ? "-" : durationText(ms));

/** `ok`, `oldest due 4m 2s ago`, `paused, goes on in 40 s; failing for 3m 2s`. */
function stateText(row: Row, nowMs: number): string {
  const trouble = troubleText(row, nowMs);
  if (trouble !== "") return trouble;
  const { oldestDueMs } = row.stats;
  return oldestDueMs === null ? "ok" : `ok, first due ${distanceText(oldestDueMs, nowMs)}`;
}

/** How long after it was due a delivery may wait before that is worth a remark. */
const LATE_MS = 10_000;

function troubleText({ stats, health, pausedUntilMs }: Row, nowMs: number): string {
  const [block] = blockedBy(health, nowMs);
  const failingSinceMs = health?.failingSinceMs ?? null;
  const { oldestDueMs } = stats;
  return [
    health?.disabledReason == null ? "" : `disabled: ${health.disabledReason}`,
    block?.why === "breaker" ? `breaker open, next ${distanceText(block.untilMs, nowMs)}` : "",
    pausedUntilMs === null ? "" : `paused, goes on ${distanceText(pausedUntilMs, nowMs)}`,
    failingSinceMs === null ? "" : `failing for ${durationText(nowMs - failingSinceMs)}`,
    oldestDueMs === null || nowMs - oldestDueMs < LATE_MS ? "" : `due since ${distanceText(oldestDueMs, nowMs)}`,
  ]
    .filter((part) => part !== "")
    .join("; ");
}
