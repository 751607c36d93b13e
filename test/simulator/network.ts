import { messageOf } from "../../src/base/errors.ts";
import type { ChannelResponse, RequestPlan, RetryProfileName } from "../../src/channel/channel.ts";
import { classifyError, classifyStatus } from "../../src/channel/classify.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import { cleanOutcome, scrubberFor } from "../../src/channel/scrub.ts";
import { withServerDelay } from "../../src/channel/server-delay.ts";
import type { SendRequest, SendResult } from "../../src/channel/transport.ts";
import type { Seeded } from "./seeded.ts";
import type { World } from "./world.ts";

/** How a destination behaves for a while. */
export type Mood =
  | "well"
  | "slow"
  | "limits"
  | "fails"
  | "hangs"
  | "resets"
  | "refuses"
  /** Takes the message, then breaks the connection. */
  | "accepts-and-drops"
  /** Takes the message, and never answers. */
  | "accepts-and-hangs"
  /** Says no for good. */
  | "rejects"
  | "nowhere";

export const BAD_MOODS: readonly Mood[] = [
  "slow",
  "limits",
  "fails",
  "hangs",
  "resets",
  "refuses",
  "accepts-and-drops",
  "accepts-and-hangs",
  "rejects",
  "nowhere",
];

export interface SimDestination {
  /** Block reference. */
  readonly ref: string;
  readonly profile: RetryProfileName;
  /** Never in a bad mood: what the others do must not be felt here. */
  readonly isSteady: boolean;
  /** In a bad mood to the end. */
  readonly isDoomed: boolean;
  /** Where its messages go when it does not take them; null: nowhere. */
  readonly fallback: string | null;
  mood: Mood;
}

/** What a send meets on the other side. */
interface Fate {
  /** Milliseconds until the request is out. */
  readonly connectMs: number;
  /** Milliseconds from then until the other side has taken the message; null: it never does. */
  readonly acceptMs: number | null;
  /** Milliseconds from then until the answer; null: none comes. */
  readonly answerMs: number | null;
  readonly answer: { readonly response: ChannelResponse } | { readonly code: string; readonly written: boolean };
}

/** Who sends: the process, as far as the network sees it. */
export interface Sender {
  readonly isDead: boolean;
  /** Hands an answer over; lost when the process is dead, late when it is frozen. */
  receive(fn: () => void): void;
  timer(ms: number, fn: () => void): Disposable;
  now(): number;
  monotonic(): number;
}

const TIMEOUT_MS = 15_000;

const response = (status: number, text: string, headers: Record<string, string> = {}) => ({
  response: { status, headers, text },
});

/** The outside world: answers as the destination's mood is, and remembers what was accepted. */
export class Network {
  readonly #world: World;
  readonly #random: Seeded;
  readonly #secret: string;
  readonly #byRef: ReadonlyMap<string, SimDestination>;

  constructor(parts: { world: World; random: Seeded; secret: string; destinations: readonly SimDestination[] }) {
    this.#world = parts.world;
    this.#random = parts.random;
    this.#secret = parts.secret;
    this.#byRef = new Map(parts.destinations.map((destination) => [destination.ref, destination]));
  }

  /** One request. @param onAccepted Called when the other side has taken the message. */
  send<Config>(
    request: SendRequest<Config>,
    sender: Sender,
    onAccepted: (deliveryId: string) => void,
  ): Promise<SendResult> {
    const { channel, config, message, label, signal } = request;
    const startedMs = sender.monotonic();
    const plan = channel.build({ config, message });
    const fate = this.#fate(label);
    const ended = Promise.withResolvers<{ outcome: Outcome; status: number | null }>();
    let isOut = false;
    let isOver = false;
    const end = (outcome: Outcome, status: number | null) => {
      if (isOver) return;
      isOver = true;
      deadline[Symbol.dispose]();
      signal?.removeEventListener("abort", onAbort);
      ended.resolve({ outcome, status });
    };
    const onAbort = () =>
      end({ kind: "retry", reason: "cancelled", detail: "Stopped by the caller", ambiguous: isOut }, null);
    const deadline = sender.timer(TIMEOUT_MS, () =>
      end({ kind: "retry", reason: "timeout", detail: "No answer within 15 s", ambiguous: isOut }, null),
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    const answer = () => sender.receive(() => end(...judge(fate, request, plan, sender.now())));
    this.#world.at(this.#world.nowMs + fate.connectMs, () => {
      // Whoever stopped or died before has sent nothing.
      if (isOver || sender.isDead) return;
      isOut = true;
      const { acceptMs, answerMs } = fate;
      const takenMs = this.#world.nowMs + (acceptMs ?? 0);
      if (acceptMs !== null) this.#world.at(takenMs, () => onAccepted(message.deliveryId));
      if (answerMs !== null) this.#world.at(takenMs + answerMs, answer);
    });
    return ended.promise.then(({ outcome, status }) => ({
      outcome: cleanOutcome(outcome, () => scrubberFor(config, plan)),
      status,
      durationMs: Math.round(sender.monotonic() - startedMs),
    }));
  }

  #fate(ref: string): Fate {
    const random = this.#random;
    const mood = this.#byRef.get(ref)?.mood ?? "nowhere";
    const [connectMs, quick] = [random.int(1, 5), random.int(1, 30)];
    // An answer that quotes what it was sent: nothing of it may be kept as it is.
    const echo = `you sent ${this.#secret}`;
    const ok = response(200, "ok");
    const lost = (code: string, written: boolean) => ({ code, written });
    const fates: Readonly<Record<Mood, () => Fate>> = {
      well: () => ({ connectMs, acceptMs: quick, answerMs: quick, answer: ok }),
      slow: () => ({ connectMs, acceptMs: random.int(50, 8_000), answerMs: random.int(50, 6_000), answer: ok }),
      limits: () => {
        const headers = random.chance(0.7) ? { "retry-after": String(random.int(0, 90)) } : {};
        return { connectMs, acceptMs: null, answerMs: quick, answer: response(429, echo, headers) };
      },
      fails: () => ({
        connectMs,
        acceptMs: null,
        answerMs: quick,
        answer: response(random.pick([500, 502, 503, 504]), echo),
      }),
      hangs: () => ({ connectMs, acceptMs: null, answerMs: null, answer: ok }),
      resets: () => ({ connectMs, acceptMs: null, answerMs: quick, answer: lost("ECONNRESET", true) }),
      refuses: () => ({ connectMs, acceptMs: null, answerMs: 0, answer: lost("ECONNREFUSED", false) }),
      "accepts-and-drops": () => ({ connectMs, acceptMs: quick, answerMs: 0, answer: lost("ECONNRESET", true) }),
      "accepts-and-hangs": () => ({ connectMs, acceptMs: quick, answerMs: null, answer: ok }),
      rejects: () => ({
        connectMs,
        acceptMs: null,
        answerMs: quick,
        answer: response(random.pick([400, 401, 403, 404, 410]), echo),
      }),
      nowhere: () => ({ connectMs, acceptMs: null, answerMs: 0, answer: lost("ENOTFOUND", false) }),
    };
    return fates[mood]();
  }
}

/** What the transport makes of the answer. */
function judge<Config>(
  { answer }: Fate,
  { channel }: SendRequest<Config>,
  plan: RequestPlan,
  nowMs: number,
): [outcome: Outcome, status: number | null] {
  if ("code" in answer) {
    const error = Object.assign(new Error(`simulated ${answer.code}`), { code: answer.code });
    return [classifyError(error, answer.written), null];
  }
  const { response: given } = answer;
  try {
    const outcome = channel.classify?.(given, plan) ?? classifyStatus(given);
    return [withServerDelay(outcome, given, nowMs), given.status];
  } catch (error) {
    return [classifyError(new Error(messageOf(error)), true), null];
  }
}
