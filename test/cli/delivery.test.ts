import { describe, expect, it } from "vitest";
import { registerSecret } from "../../src/base/redactor.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { Delivery, DeliveryStatus } from "../../src/delivery/delivery.ts";
import { fallbackFor } from "../../src/delivery/fallback.ts";
import { newHealth } from "../../src/delivery/health.ts";
import { openDeliveryStage } from "./delivery-stage.ts";

const OPS = "slack-webhook/ops";
const GONE = { kind: "permanent", reason: "gone", detail: "no_service" } as const;
const NO_ANSWER = { kind: "retry", reason: "timeout", detail: "no answer in 15 s", ambiguous: true } as const;
const IN_PART = {
  kind: "delivered",
  providerId: "<1@example.org>",
  warnings: ["partial: b@example.org was refused: 550 no such user"],
} as const;

const ending = (outcome: Outcome, status: number | null = null) => ({ attempt: { outcome, status } });

const TERMINAL = { columns: 100, env: { NO_COLOR: "1" } };

describe("bellhop delivery ls", () => {
  it.each([
    { filter: ["--status", "dead"], finds: ["dead"] },
    { filter: ["--status", "dead", "--status", "queued"], finds: ["other", "old", "dead"] },
    { filter: ["--destination", "inbox/other"], finds: ["other"] },
    { filter: ["--reason", "gone"], finds: ["dead"] },
    { filter: ["--since", "1h"], finds: ["other", "dead"] },
    { filter: ["--since", "3d"], finds: ["other", "old", "dead"] },
    { filter: ["--since", "2999-01-01"], finds: [] },
    { filter: ["--run", "crimson-fox", "--limit", "1"], finds: ["other"] },
  ])("finds $finds with $filter", async ({ filter, finds }) => {
    await using stage = await openDeliveryStage();
    const [dead = "", old = "", other = ""] = await stage.enqueue(
      {},
      { createdAtMs: stage.nowMs - 2 * 86_400_000 },
      { destination: "inbox/other" },
    );
    await stage.settle(dead, { to: "dead", reason: "gone", ...ending(GONE) });

    const found = (await stage.json(["delivery", "ls", ...filter])) as { id: string }[];

    const names = new Map([
      [dead, "dead"],
      [old, "old"],
      [other, "other"],
    ]);
    expect(found.map(({ id }) => names.get(id))).toEqual(finds);
  });

  it.each([
    { words: ["--status", "claim"], says: "dead" },
    { words: ["--reason", "bad-luck"], says: "attempts-exhausted" },
    { words: ["--since", "24"], says: "--since 24h" },
    { words: ["--since", "yesterday"], says: "--since 24h" },
    { words: ["--since", "2026-13-45"], says: "--since 24h" },
  ])("refuses $words and says what it takes", async ({ words, says }) => {
    await using stage = await openDeliveryStage();

    const { code, stderr } = await stage.cli(["delivery", "ls", ...words]);

    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  it("says what each queued delivery waits for", async () => {
    await using stage = await openDeliveryStage();
    const { outbox, nowMs } = stage;
    const [first = "", behind = "", due = ""] = await stage.enqueue(
      { subject: "a", destination: "inbox/a", createdAtMs: nowMs + 60_000 },
      { subject: "a", destination: "inbox/a" },
      { destination: "inbox/due" },
      { destination: "inbox/paused" },
      { destination: "inbox/open" },
      { destination: "inbox/disabled" },
    );
    const inAnHour = nowMs + 3_600_000;
    await outbox.pause("inbox/paused", inAnHour);
    const open = newHealth("inbox/open");
    await outbox.writeHealth({ ...open, breaker: "open", openForMs: 600_000, probeAtMs: nowMs + 600_000 });
    await outbox.writeHealth({ ...newHealth("inbox/disabled"), disabledReason: "gone: 410", probeAtMs: inAnHour });

    const listed = (await stage.json(["delivery", "ls"])) as { destination: string; waiting: { why: string } }[];
    const { stdout } = await stage.cli(["delivery", "ls"]);
    const inspected = await stage.cli(["delivery", "inspect", behind]);

    expect(listed.map(({ destination, waiting }) => [destination, waiting.why])).toEqual([
      ["inbox/disabled", "disabled"],
      ["inbox/open", "breaker"],
      ["inbox/paused", "paused"],
      ["inbox/due", "due"],
      ["inbox/a", "behind"],
      ["inbox/a", "retry"],
    ]);
    expect(listed[4]?.waiting).toMatchObject({ delivery_id: first, until: null });
    expect(listed[2]?.waiting).toMatchObject({ until: new Date(inAnHour).toISOString() });
    expect(stdout).toMatch(/inbox\/paused +◷ queued +0 +destination paused, next in/);
    expect(stdout).toMatch(/inbox\/open +◷ queued +0 +breaker open, next in/);
    expect(stdout).toMatch(/inbox\/disabled +◷ queued +0 +destination disabled, next in/);
    expect(stdout).toMatch(/inbox\/due +◷ queued +0 +due, waits for a process that sends/);
    expect(inspected.stdout).toContain(`waits for     delivery ${first}, which is about the same subject`);
    expect((await stage.cli(["delivery", "inspect", due])).stdout).toContain("bellhop sweep sends what is due");
  });

  it("labels what some recipients did not take", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({ destination: "email-smtp/oncall" });
    await stage.settle(id, { to: "delivered", ...ending(IN_PART, 250) });

    expect((await stage.cli(["delivery", "ls"])).stdout).toContain("✓ delivered in part");
    expect(await stage.json(["delivery", "ls"])).toMatchObject([{ status: "delivered", in_part: true }]);
  });
});

describe("bellhop delivery inspect", () => {
  it("shows each attempt with its outcome, status, time and the provider's answer", async () => {
    await using stage = await openDeliveryStage();
    registerSecret("c4n4ryanswer");
    const [id = ""] = await stage.enqueue({});
    const server = { kind: "retry", reason: "server", detail: "503 for c4n4ryanswer", ambiguous: false } as const;
    await stage.settle(id, { to: "queued", reason: "server", ...ending(server, 503) });
    await stage.settle(id, { to: "dead", reason: "gone", detail: "no_service", ...ending(GONE, 410) });

    const piped = await stage.cli(["delivery", "inspect", id]);
    const narrow = await stage.cli(["delivery", "inspect", id], TERMINAL);

    expect(piped.stdout).toMatch(/1 +\S+ \S+ +12 ms +503 +retry: server +503 for /);
    expect(piped.stdout).toMatch(/2 +\S+ \S+ +12 ms +410 +permanent: gone +no_service/);
    expect(narrow.stdout).toMatch(/#2 {2}no_service/);
    expect(narrow.stdout).toContain("gone: the provider has removed the target");
    expect(piped.stdout + narrow.stdout).not.toContain("c4n4ryanswer");
    expect(await stage.json(["delivery", "inspect", id])).toMatchObject({
      attempt_log: [
        { number: 1, outcome: "retry", reason: "server", status: 503, ambiguous: false, warnings: [] },
        { number: 2, outcome: "permanent", reason: "gone", status: 410 },
      ],
    });
  });

  it("says in part of a message that some recipients did not take, and gives the warnings", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({ destination: "email-smtp/oncall" });
    await stage.settle(id, { to: "delivered", ...ending(IN_PART, 250) });

    const { stdout } = await stage.cli(["delivery", "inspect", id]);

    expect(stdout).toMatch(/^✓ delivered in part +email-smtp\/oncall/);
    expect(stdout).toContain("partial: b@example.org was refused: 550 no such user");
    expect(await stage.json(["delivery", "inspect", id])).toMatchObject({
      attempt_log: [{ outcome: "delivered", in_part: true, warnings: IN_PART.warnings }],
    });
  });

  it("names the recipients for whom it is tried again", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({ destination: "email-smtp/oncall" });
    const outcome = { kind: "delivered", remaining: { targets: ["c@example.org"], afterMs: 60_000 } } as const;
    await stage.settle(id, { to: "queued", reason: "partial", ...ending(outcome, 250) });

    expect((await stage.cli(["delivery", "inspect", id])).stdout).toMatch(
      /delivered in part +for c@example.org it is tried again/,
    );
    expect(await stage.json(["delivery", "inspect", id])).toMatchObject({
      attempt_log: [{ in_part: true, remaining: ["c@example.org"] }],
    });
  });

  it.each([
    { to: "delivered", says: "it may have arrived more than once. Each attempt carries the id" },
    { to: "queued", says: "it may have arrived already; it is sent again. Each attempt carries the id" },
    { to: "dead", says: "it may have arrived all the same" },
  ] as const satisfies readonly { to: DeliveryStatus; says: string }[])(
    "explains what uncertain means of one that is $to",
    async ({ to, says }) => {
      await using stage = await openDeliveryStage();
      const [id = ""] = await stage.enqueue({});
      await stage.settle(id, { to: "queued", uncertain: true, reason: "timeout", ...ending(NO_ANSWER) });
      await stage.settle(id, { to, uncertain: true, ...ending(to === "delivered" ? IN_PART : NO_ANSWER) });

      const text = (await stage.cli(["delivery", "inspect", id])).stdout.replaceAll(/\s+/g, " ");

      expect(text).toContain(says);
      expect(text).toContain("without an answer");
    },
  );

  it("links a message that was given up with the one that was sent in its place", async () => {
    await using stage = await openDeliveryStage();
    const [id = ""] = await stage.enqueue({});
    const before = (await stage.outbox.read(id)) as Delivery;
    const parts = { fallback: "inbox/other", nowMs: stage.nowMs, newId: () => "0190f3c2-0000-7000-8000-00000000fa11" };
    const made = fallbackFor(before, { reason: "gone", detail: "no_service", uncertain: false }, parts);
    await stage.settle(id, { to: "dead", reason: "gone", also: made === null ? [] : [made], ...ending(GONE) });

    const original = await stage.cli(["delivery", "inspect", id]);
    const standIn = await stage.cli(["delivery", "inspect", made?.id ?? ""]);

    expect(original.stdout).toContain(`sent instead  ${made?.id} to inbox/other, queued`);
    expect(standIn.stdout).toContain(`instead of    ${id} to ${OPS}, dead`);
    expect(standIn.stdout).toContain(`Sent here because ${OPS} did not take it. gone: no_service`);
    expect(await stage.json(["delivery", "inspect", id])).toMatchObject({
      fallback: { id: made?.id, destination: "inbox/other", status: "queued" },
      fallback_of: null,
    });
    expect(await stage.json(["delivery", "inspect", made?.id ?? ""])).toMatchObject({ fallback_of: { id } });
  });

  it("links a message that was overtaken with the newer one", async () => {
    await using stage = await openDeliveryStage();
    const [older = "", newer = ""] = await stage.enqueue(
      { subject: "a", coalesce: "latest" },
      { subject: "a", coalesce: "latest" },
    );

    const { stdout } = await stage.cli(["delivery", "inspect", older]);

    expect(stdout).toContain("⊘ suppressed");
    expect(stdout).toContain("overtaken: a newer message about the same subject took its place");
    expect(stdout).toContain(`overtaken by  ${newer} to ${OPS}, queued`);
    expect(await stage.json(["delivery", "inspect", older])).toMatchObject({ overtaken_by: { id: newer } });
    expect((await stage.cli(["delivery", "ls", "--status", "suppressed"])).stdout).toContain("overtaken by ");
  });
});

describe("bellhop delivery stats", () => {
  it("gives the figures of each destination", async () => {
    await using stage = await openDeliveryStage();
    const { outbox, nowMs } = stage;
    const [delivered = "", dead = "", unsure = ""] = await stage.enqueue(
      {},
      {},
      {},
      {},
      { destination: "inbox/other" },
    );
    await stage.settle(delivered, { to: "delivered" });
    await stage.settle(dead, { to: "dead", reason: "gone", ...ending(GONE, 410) });
    await stage.settle(unsure, { to: "queued", uncertain: true, nextAttemptAtMs: nowMs + 1, ...ending(NO_ANSWER) });
    await outbox.pause(OPS, nowMs + 3_600_000);
    await outbox.writeHealth({ ...newHealth(OPS), failingSinceMs: nowMs - 60_000, consecutiveFailures: 2 });

    const { stdout } = await stage.cli(["delivery", "stats"]);

    expect(stdout).toMatch(
      /slack-webhook\/ops +2 +0 +1 +1 +1 +33\.3% +12 ms +12 ms +paused, goes on in .+; failing for 1m/,
    );
    expect(stdout).toMatch(/inbox\/other +1 +0 +0 +0 +0 +- +- +- +ok, first due/);
    expect(await stage.json(["delivery", "stats", "--destination", OPS, "--since", "1h"])).toMatchObject({
      destinations: [
        {
          destination: OPS,
          queued: 2,
          oldest_due: expect.stringMatching(/^20/),
          sending: 0,
          delivered: 1,
          dead: 1,
          suppressed: 0,
          uncertain: 1,
          attempts: 3,
          success_ratio: 1 / 3,
          latency_ms: { p50: 12, p95: 12, p99: 12, max: 12 },
          paused_until: new Date(nowMs + 3_600_000).toISOString(),
          breaker: "closed",
          disabled: null,
          failing_since: new Date(nowMs - 60_000).toISOString(),
        },
      ],
    });
  });

  it("shows an open breaker and a disabled destination", async () => {
    await using stage = await openDeliveryStage();
    const { outbox, nowMs } = stage;
    await stage.enqueue({ destination: "inbox/open" }, { destination: "inbox/disabled" });
    const probeAtMs = nowMs + 600_000;
    await outbox.writeHealth({ ...newHealth("inbox/open"), breaker: "open", openForMs: 600_000, probeAtMs });
    await outbox.writeHealth({ ...newHealth("inbox/disabled"), disabledReason: "auth: 401", probeAtMs });

    const { stdout } = await stage.cli(["delivery", "stats"]);

    expect(stdout).toMatch(/inbox\/open .*breaker open, next in/);
    expect(stdout).toMatch(/inbox\/disabled .*disabled: auth: 401/);
    expect(await stage.json(["delivery", "stats"])).toMatchObject({
      destinations: [
        { destination: "inbox/disabled", disabled: "auth: 401" },
        { destination: "inbox/open", breaker: "open", breaker_probe: new Date(probeAtMs).toISOString() },
      ],
    });
  });

  it("says that there are none", async () => {
    await using stage = await openDeliveryStage();

    expect((await stage.cli(["delivery", "stats"])).stderr).toContain("No deliveries.");
    expect(await stage.json(["delivery", "stats"])).toMatchObject({ destinations: [] });
  });
});
