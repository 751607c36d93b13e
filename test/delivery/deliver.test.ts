import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import { MASK } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/clock.ts";
import { BellhopError } from "../../src/base/errors.ts";
import type { BlockContext } from "../../src/block/ambient.ts";
import type { Message } from "../../src/channel/message.ts";
import { openDeliver } from "../../src/delivery/deliver.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { type Dispatcher, startDispatcher } from "../../src/delivery/dispatcher.ts";
import { runPayload } from "../../src/delivery/payload.ts";
import type { JsonObject } from "../../src/base/json.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import { chars, NotificationBlock, z } from "../../src/sdk.ts";
import { openCatalog } from "../../src/templating/catalog.ts";
import { exampleContexts } from "../../src/templating/example-contexts.ts";
import { openTestBlocks, type TestBlocks } from "../support/block-context.ts";
import { flowRun, seededRandom } from "./rig.ts";

class Pager extends NotificationBlock.define({
  slug: "test-pager",
  schema: z.object({ number: z.string() }),
  dialect: "text",
  limits: { title: chars(120), body: chars(2_000) },
  profile: "page",
  build: ({ config, message }) => ({
    executor: "http",
    method: "POST",
    url: `https://pager.example/${config.number}`,
    body: { type: "text", value: message.body },
  }),
}) {}

const runFailed = (fields: Partial<Parameters<typeof runPayload>[0]> = {}): JsonObject =>
  runPayload({ template: "run-failed", severity: "error", vars: {}, context: exampleContexts.normal, ...fields });

interface Post {
  readonly blocks: TestBlocks;
  readonly dispatcher: Dispatcher;
  /** Stores one delivery with a state change, waits for its end and gives it back. */
  send(payload: JsonObject, destination?: string): Promise<Delivery>;
  readonly messages: () => Message[];
}

async function openPost(blocks: TestBlocks, context: BlockContext = blocks.context): Promise<Post> {
  await blocks.within(async () => {
    await Pager.register();
    await new Pager({ number: "5551234" }).save("oncall", { overwrite: true });
  });
  const { outbox, runs } = blocks.store;
  const deliver = openDeliver({
    catalog: openCatalog({ templatesDir: null }),
    transport: context.transport,
    context,
    clock: systemClock,
  });
  const dispatcher = startDispatcher({
    outbox,
    deliver,
    clock: systemClock,
    random: seededRandom(),
    leaseId: newId(),
    log: silentLogger,
  });
  return {
    blocks,
    dispatcher,
    async send(payload, destination = "test-pager/oncall") {
      const run = flowRun();
      const request: DeliveryRequest = {
        id: newId(),
        dedupKey: newId(),
        destination,
        subject: `flow-run/${run.id}`,
        severity: "error",
        flowRunId: run.id,
        taskRunId: null,
        stateId: run.state.id,
        payload,
        createdAtMs: systemClock.now(),
        expiresAtMs: null,
      };
      await runs.commit({ run, state: run.state, follows: null, requests: [request] });
      for (;;) {
        const delivery = await outbox.read(request.id);
        if (delivery === null) throw new Error("the delivery was not stored");
        if (delivery.status !== "sending" && (delivery.status !== "queued" || delivery.attempts > 0)) return delivery;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    messages: () => blocks.sent.map(({ request }) => request.message),
  };
}

describe("delivering a message about a run", () => {
  it("renders the template for the channel and carries the delivery's id", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send(runFailed());

    expect(delivery).toMatchObject({ status: "delivered", providerId: "p-1", reason: null });
    const [message] = post.messages();
    expect(message).toMatchObject({
      deliveryId: delivery.id,
      conversationKey: `flow-run/${delivery.flowRunId ?? ""}`,
      severity: "error",
      title: exampleContexts.normal.title,
      tags: ["prod", "etl"],
      occurredAt: exampleContexts.normal.state.timestamp,
    });
    expect(message?.body).toContain("bad row 17 in orders.csv");
    expect(await blocks.store.outbox.attempts(delivery.id)).toMatchObject([
      { number: 1, durationMs: 7, status: 200, outcome: { kind: "delivered" } },
    ]);
  });

  it("prints the link to the run once", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    await post.send(runFailed());

    const [message] = post.messages();
    const url = exampleContexts.normal.links.run ?? "";
    expect(message?.body.split(url)).toHaveLength(2);
    expect(message?.links).toEqual([]);
  });

  it("sends with another text and says so when its template does not exist", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send(runFailed({ template: "no-such-template" }));

    expect(delivery.status).toBe("delivered");
    expect(post.messages()[0]?.body).toContain("nightly-etl");
    const [attempt] = await blocks.store.outbox.attempts(delivery.id);
    expect(attempt?.outcome.kind === "delivered" ? attempt.outcome.warnings?.join() : "").toContain("no-such-template");
  });

  it("sends something even if the stored context is of no known shape", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send({
      template: "run-failed",
      severity: "error",
      vars: {},
      context: { title: "nightly failed", links: {}, state: {} },
    });

    expect(delivery.status).toBe("delivered");
    expect(post.messages()[0]).toMatchObject({ title: "nightly failed", links: [] });
  });

  it("masks what has become a known secret since the state was stored, such as the address of its own channel", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;
    const token = "t0ken-that-was-unknown-when-the-run-failed";
    const message = `POST https://chat.example/${"a".repeat(60)}/${token} failed`;
    const { normal } = exampleContexts;
    const error = { type: "Error", message, first_line: message, stack: message, location: null };
    const flow_run = normal.flow_run === null ? null : { ...normal.flow_run, tags: [token] };
    const context = { ...normal, flow_run, error, title: message.slice(0, 110), summary: message };
    registerSecret(token);

    await post.send(runFailed({ context }));

    expect(JSON.stringify(post.messages())).not.toContain("t0ken-that");
    expect(JSON.stringify(post.messages())).toContain(MASK);
  });

  it("sends a direct message again as it was", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send({ title: "Disk", body: "Disk is full" });

    expect(post.messages()).toMatchObject([{ deliveryId: delivery.id, title: "Disk", body: "Disk is full" }]);
  });

  it("ends a delivery whose message cannot be read", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    expect(await post.send({ nonsense: true })).toMatchObject({ status: "dead", reason: "invalid-payload" });
    expect(post.messages()).toEqual([]);
  });
});

describe("a block that cannot be used", () => {
  it("that does not exist makes a dead letter which says what to do", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send(runFailed(), "test-pager/nobody");

    expect(delivery).toMatchObject({ status: "dead", reason: "not-found", attempts: 1 });
    expect(delivery.detail).toContain("bellhop block save test-pager/nobody");
  });

  it("of a type that this process does not know is tried again, for another process may know it", async () => {
    await using blocks = await openTestBlocks();
    const post = await openPost(blocks);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send(runFailed(), "office-lamp/desk");

    expect(delivery).toMatchObject({ status: "queued", reason: "not-found" });
  });

  it("whose key is not at hand is tried again", async () => {
    await using blocks = await openTestBlocks();
    const locked = () =>
      Promise.reject(
        new BellhopError("encryption_key_unavailable", { kid: "0011223344556677", looked: ["environment: not set"] }),
      );
    const context: BlockContext = {
      ...blocks.context,
      vault: { ...blocks.context.vault, active: locked, open: locked },
    };
    const post = await openPost(blocks, context);
    await using _dispatcher = post.dispatcher;

    const delivery = await post.send(runFailed());

    expect(delivery).toMatchObject({ status: "queued", reason: "key-unavailable" });
    expect(post.messages()).toEqual([]);
  });
});
