import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BellhopError } from "../../src/base/errors.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openHub } from "../../src/hub.ts";
import {
  Block,
  CustomWebhook,
  EmailServerCredentials,
  EmailSmtp,
  flow,
  notify,
  SlackWebhook,
  StringBlock,
} from "../../src/index.ts";
import { type Inbox, startInbox } from "../../src/inbox/inbox.ts";
import type { HttpAnswerScript } from "../../src/inbox/received.ts";
import { openTestHub, type TestHub } from "../support/hub.ts";

const TOKEN = "B4DINPUTtokenXYZ987654";

let inbox: Inbox;
let test: TestHub;

beforeEach(async () => {
  inbox = await startInbox({ host: "127.0.0.1", httpPort: 0, smtpPort: 0 });
  test = await openTestHub();
  await test.within(() => new SlackWebhook({ url: `${inbox.httpUrl}/services/T0/B0/${TOKEN}` }).save("ops"));
});

afterEach(async () => {
  await test[Symbol.asyncDispose]();
  await inbox[Symbol.asyncDispose]();
});

/** The error of a failing call; it must be ours, with a hint, and must not carry the secret anywhere. */
async function failure(fn: () => unknown): Promise<BellhopError> {
  let thrown: unknown;
  try {
    await test.within(fn);
  } catch (error) {
    thrown = error;
  }
  if (!BellhopError.is(thrown)) throw new Error(`expected a coded error, got ${String(thrown)}`);
  expect(thrown.hint).not.toBe("");
  const everything = `${thrown.stack}${thrown.hint}${JSON.stringify(thrown)}${JSON.stringify(thrown.details)}${String(thrown.cause)}`;
  expect(everything).not.toContain(TOKEN);
  return thrown;
}

describe("references and values", () => {
  it.each([
    { what: "an unknown block", fn: () => Block.load("slack-webhook/nobody"), code: "block_not_found", says: "nobody" },
    { what: "an unknown type", fn: () => Block.load("slak-webhook/ops"), code: "unknown_block_type", says: "slak" },
    { what: "a reference without a slash", fn: () => Block.load("ops"), code: "invalid_block_reference", says: "ops" },
    {
      what: "a hook with a malformed reference",
      fn: () => notify("ops"),
      code: "invalid_block_reference",
      says: "ops",
    },
    {
      what: "a value of the wrong type",
      fn: () => new StringBlock(JSON.parse('{"value": 7}')),
      code: "block_validation_failed",
      says: "value",
    },
    {
      what: "a webhook address that is none",
      fn: () => new SlackWebhook({ url: `no address ${TOKEN}` }),
      code: "block_validation_failed",
      says: "url",
    },
    {
      what: "a name with capitals",
      fn: () => new StringBlock({ value: "x" }).save("Prod"),
      code: "invalid_block_name",
      says: "Prod",
    },
    {
      what: "a name that is taken",
      fn: () => new SlackWebhook({ url: "https://hooks.slack.com/services/T/B/x" }).save("ops"),
      code: "block_already_exists",
      says: "ops",
    },
    {
      what: "an empty message",
      fn: () => Block.load("slack-webhook/ops").notify(""),
      code: "invalid_payload",
      says: "",
    },
  ])("$what is $code", async ({ fn, code, says }) => {
    const error = await failure(fn);

    expect(error.code).toBe(code);
    expect(error.message).toContain(says);
  });
});

describe("what Slack answers", () => {
  const answers: { what: string; answer: HttpAnswerScript; reason: string; detail: string }[] = [
    {
      what: "invalid_token",
      answer: { status: 403, body: "invalid_token" },
      reason: "forbidden",
      detail: "invalid_token",
    },
    { what: "no_service", answer: { status: 404, body: "no_service" }, reason: "gone", detail: "no_service" },
    {
      what: "channel_is_archived",
      answer: { status: 410, body: "channel_is_archived" },
      reason: "gone",
      detail: "channel_is_archived",
    },
    {
      what: "429 with Retry-After",
      answer: { status: 429, headers: { "retry-after": "7" }, body: "rate_limited" },
      reason: "rate-limited",
      detail: "",
    },
    { what: "an error page that quotes the request", answer: "echo", reason: "server", detail: "" },
    { what: "a cut connection", answer: "reset", reason: "network", detail: "" },
  ];
  it.each(answers)("$what rejects a direct send with delivery_failed ($reason) and is on record", async (example) => {
    inbox.answerNext(example.answer);

    const error = await failure(() => Block.load("slack-webhook/ops").notify("hello"));

    expect(error.code).toBe("delivery_failed");
    expect(error.details).toMatchObject({ ref: "slack-webhook/ops", reason: example.reason });
    expect(error.message).toContain(example.detail);
    await test.hub.store.runs.flush();
    const [delivery] = await test.hub.store.outbox.list();
    expect(delivery).toMatchObject({ status: "dead", reason: example.reason, destination: "slack-webhook/ops" });
  });

  it("429 delays a declared hook as long as asked, and loses nothing", async () => {
    inbox.answerNext({ status: 429, headers: { "retry-after": "30" } });
    const failing = flow({ name: "busy", onFailure: [notify("slack-webhook/ops")] }, () => {
      throw new Error("no");
    });

    await expect(test.within(() => failing())).rejects.toThrow("no");
    await inbox.received(1);
    await test.hub.drain({ deadlineMs: 500 });

    const [delivery] = await test.hub.store.outbox.list();
    expect(delivery).toMatchObject({ status: "queued", reason: "rate-limited", attempts: 1 });
    const waitMs = (delivery?.nextAttemptAtMs ?? 0) - (delivery?.updatedAtMs ?? 0);
    expect(waitMs).toBeGreaterThanOrEqual(29_000);
  });

  it("a channel that is gone leaves a dead letter with its reason", async () => {
    inbox.answerNext({ status: 404, body: "no_service" });
    const failing = flow({ name: "gone", onFailure: [notify("slack-webhook/ops")] }, () => {
      throw new Error("no");
    });

    await expect(test.within(() => failing())).rejects.toThrow("no");
    await test.hub.drain();

    const [delivery] = await test.hub.store.outbox.list();
    expect(delivery).toMatchObject({ status: "dead", reason: "gone", attempts: 1 });
    expect(delivery?.detail).toContain("no_service");
  });
});

describe("what networks do", () => {
  it("a server that never answers ends at the deadline, as a timeout that may have arrived", async () => {
    inbox.answerNext("hang");
    await test.within(() => new CustomWebhook({ name: "slow", url: `${inbox.httpUrl}/hook`, timeout: 1 }).save("slow"));

    const error = await failure(() => Block.load("custom-webhook/slow").notify("hello"));

    expect(error.details).toMatchObject({ reason: "timeout" });
    await test.hub.store.runs.flush();
    expect((await test.hub.store.outbox.list())[0]).toMatchObject({ uncertain: true });
  });

  it("a mail server that is not there is a network failure", async () => {
    const credentials = new EmailServerCredentials({
      username: "u",
      password: TOKEN,
      smtp_server: "127.0.0.1",
      smtp_port: 1,
      smtp_type: "INSECURE",
    });
    const mail = new EmailSmtp({ credentials, from: "a@example.org", to: ["b@example.org"] });

    const error = await failure(() => mail.notify("hello"));

    expect(error.code).toBe("delivery_failed");
    expect(error.details).toMatchObject({ reason: "network" });
  });

  it("an over-long message arrives cut, with a visible mark, and says so in the receipt", async () => {
    const receipt = await test.within(() => Block.load("slack-webhook/ops").notify("x".repeat(100_000)));

    expect(receipt.truncated).toBe(true);
    const [arrived] = await inbox.received(1);
    const text = String(JSON.parse(arrived?.raw ?? "{}").text);
    expect(text.length).toBeLessThanOrEqual(40_000);
    expect(text).toContain("…");
  });
});

describe("templates", () => {
  it("an invalid one of the project is refused with line, column and suggestion, and the built-in text goes out", async () => {
    const dir = mkdtempSync(join(tmpdir(), "bellhop-bad-template-"));
    mkdirSync(join(dir, "run-failed"));
    writeFileSync(join(dir, "run-failed", "slack.hbs"), "one\n{{flow.nmae}} failed\n");
    await using own = await openTestHub({ templatesDir: dir });
    await own.within(() => new SlackWebhook({ url: `${inbox.httpUrl}/services/T0/B0/x` }).save("ops"));
    const failing = flow({ name: "still-told", onFailure: [notify("slack-webhook/ops")] }, () => {
      throw new Error("boom");
    });

    const problems = await own.hub.catalog.check();
    await expect(own.within(() => failing())).rejects.toThrow("boom");
    await own.hub.drain();

    expect(problems[0]).toMatchObject({ line: 2, column: 3, suggestion: expect.stringContaining("name") });
    const [arrived] = await inbox.received(1);
    expect(arrived?.raw).toContain("still-told");
    expect(arrived?.raw).toContain("boom");
    rmSync(dir, { recursive: true, force: true });
  });
});

describe("keys and documents", () => {
  /** Opens the home of the test's hub once more, with other settings. */
  const reopen = async (flags: Parameters<typeof loadConfig>[0] & object) =>
    openHub(loadConfig({ flags: { home: test.home, keychain: "off", ...flags.flags }, env: {} }));

  it("a wrong key is encryption_key_mismatch; the list still works", async () => {
    await using hub = await reopen({ flags: { encryptionKey: randomBytes(32).toString("base64") } });
    const { withHub } = await import("../../src/hub.ts");

    const error = await failure(() => withHub(hub, () => Block.load("slack-webhook/ops")));
    const listed = await withHub(hub, () => Block.list());

    expect(error.code).toBe("encryption_key_mismatch");
    expect(listed).toHaveLength(1);
  });

  it("a missing key is encryption_key_unavailable, and no second key is made", async () => {
    const path = join(test.home, "encryption.key");
    const key = readFileSync(path);
    rmSync(path);
    await using hub = await reopen({});
    const { withHub } = await import("../../src/hub.ts");

    const load = await failure(() => withHub(hub, () => Block.load("slack-webhook/ops")));
    const save = await failure(() => withHub(hub, () => new StringBlock({ value: "x" }).save("y")));

    expect([load.code, save.code]).toEqual(["encryption_key_unavailable", "encryption_key_unavailable"]);
    writeFileSync(path, key, { mode: 0o600 });
    await test.within(async () => expect(await Block.load("slack-webhook/ops")).toBeInstanceOf(SlackWebhook));
  });

  it("a document that was altered in the database is block_tampered", async () => {
    const db = new DatabaseSync(join(test.home, "bellhop.db"));
    const row = db.prepare("select id, data from block_documents").get();
    const data = String(row?.["data"]).replace(/"url":"(.{10})(.)/, (_all, head: string, one: string) => {
      return `"url":"${head}${one === "A" ? "B" : "A"}`;
    });
    db.prepare("update block_documents set data = ?").run(data);
    db.close();

    const error = await failure(() => Block.load("slack-webhook/ops"));

    expect(error.code).toBe("block_tampered");
  });

  it("a corrupt database is store_corrupt, and the file is left as it is", async () => {
    const home = mkdtempSync(join(tmpdir(), "bellhop-corrupt-"));
    const path = join(home, "bellhop.db");
    writeFileSync(path, "this is no database ".repeat(500));

    const error = await failure(() => openHub(loadConfig({ flags: { home, keychain: "off" }, env: {} })));

    expect(error.code).toBe("store_corrupt");
    expect(readFileSync(path, "utf8")).toContain("this is no database");
    rmSync(home, { recursive: true, force: true });
  });
});
