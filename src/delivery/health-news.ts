import { derivedId } from "../base/derived-id.ts";
import { redact } from "../base/redactor.ts";
import type { HubEvent, HubEventName } from "../events/event.ts";
import type { JsonObject } from "../base/json.ts";
import type { DeliveryRequest } from "../runs/delivery-request.ts";
import { healthKey } from "./dedup-keys.ts";
import type { DestinationHealth, HealthNews } from "./delivery.ts";
import type { HealthStep, Level, Signs } from "./health.ts";
import { durationText } from "../templating/duration-text.ts";
import { plainPayload } from "./payload.ts";

export interface NewsParts {
  /** Health before the step. */
  readonly before: DestinationHealth | null;
  readonly nowMs: number;
  /** Destination of messages about trouble; null: nobody is told. */
  readonly alertTo: string | null;
  readonly newId: () => string;
}

/** What is stored with a health that changed: events, and messages for people through the other configured path. */
export function newsOf(step: HealthStep, parts: NewsParts): HealthNews {
  const events = eventsOf(step, parts);
  const also = alertsOf(step, parts);
  return { ...(events.length === 0 ? {} : { events }), ...(also.length === 0 ? {} : { also }) };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

interface EventFacts {
  readonly destination: string;
  readonly nowMs: number;
  /** What makes this event one that cannot happen twice. */
  readonly key: string | number;
  readonly payload: JsonObject;
}

function destinationEvent(event: HubEventName, { destination, nowMs, key, payload }: EventFacts): HubEvent {
  return {
    id: derivedId(event, destination, key),
    occurredMicros: Math.floor(nowMs * 1_000),
    event,
    resource: {
      "prefect.resource.id": `bellhop.destination.${destination}`,
      "prefect.resource.name": destination,
      "bellhop.destination": destination,
    },
    payload: { destination, ...payload },
  };
}

function eventsOf({ health, signs }: HealthStep, { before, nowMs }: NewsParts): HubEvent[] {
  const { destination, failingSinceMs, lastSuccessMs, disabledReason, memory } = health;
  const events: HubEvent[] = [];
  if (signs.failing === true) {
    const payload = {
      failing_since: isoOrNull(failingSinceMs),
      last_success: isoOrNull(lastSuccessMs),
      last_failure: masked(memory.lastFailure),
    };
    events.push(
      destinationEvent("bellhop.destination.failing", { destination, nowMs, key: failingSinceMs ?? nowMs, payload }),
    );
  }
  if (signs.disabled === true) {
    const payload = { reason: masked(disabledReason) };
    events.push(destinationEvent("bellhop.channel.disabled", { destination, nowMs, key: nowMs, payload }));
  }
  if (signs.recovered === true) {
    const payload = { failing_since: isoOrNull(before?.failingSinceMs ?? null) };
    const key = before?.memory.raisedMs ?? nowMs;
    events.push(destinationEvent("bellhop.destination.recovered", { destination, nowMs, key, payload }));
  }
  return events;
}

const masked = (text: string | null): string | null => (text === null ? null : redact(text));

/** A provider asks us to wait for so long that a quota must be used up. */
export const throttledEvent = (destination: string, times: { readonly nowMs: number; readonly untilMs: number }) =>
  destinationEvent("bellhop.channel.throttled", {
    destination,
    nowMs: times.nowMs,
    key: times.untilMs,
    payload: { until: iso(times.untilMs) },
  });

interface Text {
  readonly title: string;
  readonly lines: readonly (string | null)[];
}

function alertsOf(step: HealthStep, { before, nowMs, alertTo, newId }: NewsParts): DeliveryRequest[] {
  const { health, signs } = step;
  // Nobody can be told of its trouble through the thing that is in trouble.
  if (alertTo === null || alertTo === health.destination) return [];
  const request = (key: string, severity: DeliveryRequest["severity"], { title, lines }: Text): DeliveryRequest => ({
    id: newId(),
    dedupKey: healthKey(health.destination, key),
    destination: alertTo,
    subject: `destination/${health.destination}`,
    severity,
    flowRunId: null,
    taskRunId: null,
    stateId: null,
    payload: plainPayload(title, lines.filter((line) => line !== null).join("\n")),
    createdAtMs: nowMs,
    expiresAtMs: null,
  });
  const alerts: DeliveryRequest[] = [];
  if (signs.recovery === true)
    alerts.push(
      request(`recovered/${before?.memory.raisedMs ?? nowMs}`, "success", recoveryText(health, before, nowMs)),
    );
  if (signs.problem !== undefined) {
    const severity = signs.problem.level === "nothing" ? "warning" : "error";
    alerts.push(
      request(`problem/${before?.lastToldMs ?? "first"}`, severity, problemText(health, signs.problem, nowMs)),
    );
  }
  return alerts;
}

function problemText(health: DestinationHealth, { level, dead }: NonNullable<Signs["problem"]>, nowMs: number): Text {
  const { destination, failingSinceMs, lastSuccessMs, disabledReason, memory } = health;
  const why = disabledReason ?? memory.lastFailure;
  return {
    title: problemTitle(destination, level, dead),
    lines: [
      level === "disabled"
        ? `${destination} refuses messages for good and is not used any more. Save the block again with a valid address or token; until then it is tried from time to time.`
        : null,
      failingSinceMs === null
        ? null
        : `Nothing was delivered for ${durationText((nowMs - failingSinceMs) / 1_000)}, since ${iso(failingSinceMs)}.`,
      lastSuccessMs === null ? null : `Last success: ${iso(lastSuccessMs)}.`,
      why === null ? null : `Last answer: ${redact(why)}`,
      dead === 0 ? null : `Given up: ${count(dead)}. See them with: bellhop delivery ls`,
    ],
  };
}

function problemTitle(destination: string, level: Level, dead: number): string {
  if (level === "disabled") return `${destination} is disabled`;
  if (level === "failing") return `${destination} is failing`;
  return `${count(dead)} for ${destination} given up`;
}

const recoveryText = ({ destination }: DestinationHealth, before: DestinationHealth | null, nowMs: number): Text => ({
  title: `${destination} delivers again`,
  lines: [
    before?.failingSinceMs == null
      ? `${destination} takes messages again.`
      : `${destination} takes messages again, after ${durationText((nowMs - before.failingSinceMs) / 1_000)}.`,
  ],
});

const count = (messages: number): string => `${messages} ${messages === 1 ? "message" : "messages"}`;
