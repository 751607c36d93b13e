import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CustomWebhook, flow, Inbox, notify, settings } from "../src/index.ts";
import { openTestHub } from "./support/hub.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("a hub", () => {
  it("sends through the proxy that the environment names", async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? "");
      request.resume().on("end", () => response.end("ok"));
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const address = proxy.address();
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
    await using test = await openTestHub();

    await test.within(() => new CustomWebhook({ name: "x", url: "http://proxied.example/hook" }).notify("hello"));

    expect(asked).toEqual(["http://proxied.example/hook"]);
    proxy.closeAllConnections();
    proxy.close();
  });

  it("answers settings from the hub in scope", async () => {
    await using test = await openTestHub({ uiUrl: "https://hub.example/", hubName: "night shift" });

    const seen = test.within(() => ({ ...settings }));

    expect(seen).toEqual({ home: test.home, hubName: "night shift", uiUrl: "https://hub.example" });
  });

  it("keeps two hubs in one process apart, blocks, runs and deliveries", async () => {
    await using one = await openTestHub();
    await using two = await openTestHub();
    const failing = flow({ name: "apart", onFailure: [notify("inbox/dev")] }, () => {
      throw new Error("no");
    });

    await Promise.all([one, two].map(({ within }) => within(() => new Inbox({}).save("dev"))));
    await Promise.all([
      expect(one.within(() => failing())).rejects.toThrow("no"),
      expect(two.within(() => failing.withOptions({ name: "other" })())).rejects.toThrow("no"),
    ]);
    const reports = await Promise.all([one.hub.drain(), two.hub.drain()]);

    expect(reports.map((report) => report.delivered)).toEqual([1, 1]);
    const names = await Promise.all([one, two].map(({ hub }) => hub.store.runs.listFlowRuns()));
    expect(names.map((runs) => runs.map((run) => run.flowName))).toEqual([["apart"], ["other"]]);
    const kept = await Promise.all([one, two].map(({ hub }) => hub.store.inbox.list()));
    expect(kept.map((messages) => messages.length)).toEqual([1, 1]);
  });
});
