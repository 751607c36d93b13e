import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmailServerCredentials } from "../../../blocks/email-server-credentials.ts";
import { EmailSmtp } from "../../../blocks/email-smtp.ts";
import type { SmtpPlan } from "../../../src/channel/channel.ts";
import { emailNotifier, type EmailNotifierOptions } from "../../../src/hooks/ready/email-notifier.ts";
import { Failed, Pending, Running } from "../../../src/states/constructors.ts";
import { keepThrown, type State } from "../../../src/states/state.ts";
import { task } from "../../../src/task.ts";
import { openTestBlocks, type TestBlocks } from "../../support/block-context.ts";
import { coded, rejected } from "../../support/coded.ts";

const object = task({ name: "load" }, () => 1);
const old = Pending();

let blocks: TestBlocks;
beforeEach(async () => {
  blocks = await openTestBlocks({ env: { EMAIL_USERNAME: "ops@gmail.com", EMAIL_PASSWORD: "app-passw0rd" } });
});
afterEach(() => blocks[Symbol.asyncDispose]());

const tell = (state: State, options?: EmailNotifierOptions): Promise<unknown> =>
  blocks.within(async () => emailNotifier(options)(object, old, state));

// The mail block makes no other plans.
const plans = (): SmtpPlan[] => blocks.sent.map(({ plan }) => plan as SmtpPlan);

const failed = (): State => {
  const state = Failed({ message: "Task run failed with TypeError: meh" });
  keepThrown(state, new TypeError("a < b"));
  return state;
};

describe("emailNotifier", () => {
  it("mails from and to the Gmail address that it logs in with, and keeps the state", async () => {
    const state = failed();

    expect(await tell(state)).toBe(state);

    const [plan] = plans();
    expect(plan?.server).toMatchObject({
      host: "smtp.gmail.com",
      port: 465,
      security: "tls",
      auth: { user: "ops@gmail.com", pass: "app-passw0rd" },
    });
    expect(plan?.mail).toMatchObject({
      from: "ops@gmail.com",
      to: ["ops@gmail.com"],
      subject: "load is now in a Failed state",
      text: "TypeError: a < b",
    });
    expect(plan?.mail.html).toContain("a &lt; b");
  });

  it("mails through a saved block", async () => {
    await blocks.within(async () => {
      const credentials = new EmailServerCredentials({ smtp_server: "mail.example", smtp_type: "INSECURE" });
      await credentials.save("example");
      await new EmailSmtp({ credentials, from: "bellhop@example.org", to: ["oncall@example.org"] }).save("oncall");
    });

    await tell(failed(), { block: "email-smtp/oncall" });

    expect(plans()[0]?.mail).toMatchObject({ from: "bellhop@example.org", to: ["oncall@example.org"] });
  });

  it("chooses the states before it looks for the block or the secrets", async () => {
    const running = Running();

    expect(await tell(running, { block: "email-smtp/absent", onlyStates: ["FAILED"] })).toBe(running);
    expect(await tell(running, { usernameSecret: "ABSENT", ignoreStates: ["Running"] })).toBe(running);
    expect(blocks.sent).toEqual([]);
    expect((await rejected(tell(failed(), { block: "email-smtp/absent" }))).code).toBe("block_not_found");
    expect((await rejected(tell(failed(), { passwordSecret: "ABSENT" }))).code).toBe("block_not_found");
  });

  it("throws when the mail is refused", async () => {
    blocks.outcome = { kind: "permanent", reason: "forbidden", detail: "535 wrong" };

    const error = await rejected(tell(failed()));

    expect(error).toMatchObject({ code: "delivery_failed", details: { reason: "forbidden" } });
  });

  it.each([
    [{ onlyStates: "Failed" }, "invalid_definition"],
    [{ to: ["a@example.org"] }, "invalid_definition"],
    [{ block: "oncall" }, "invalid_block_reference"],
  ])("refuses the options %o", (options, code) => {
    // A caller without types.
    expect(coded(() => emailNotifier(options as never)).code).toBe(code);
  });
});
