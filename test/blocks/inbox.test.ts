import { expect, it } from "vitest";
import { Inbox } from "../../blocks/inbox.ts";
import { fullMessage } from "../../src/testing.ts";

it("keeps title, text, facts and links as plain text", () => {
  const message = fullMessage({
    title: "T",
    body: "text",
    fields: [{ name: "Flow", value: "etl" }],
    links: [{ label: "Run", url: "https://x.example/" }],
  });

  const plan = Inbox.channel.build({ config: new Inbox({ title_prefix: "[dev] " }), message });

  expect(plan).toEqual({ executor: "inbox", title: "[dev] T", body: "text\nFlow: etl\nRun: https://x.example/" });
});
