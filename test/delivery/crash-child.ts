// A process with a hub of its own; crash.process.test.ts says what it does and kills it. Prints one word per step.
import { construct } from "../../src/block/block-class.ts";
import { requireClass } from "../../src/block/registry.ts";
import { loadConfig } from "../../src/config/load.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { openHub, withHub } from "../../src/hub.ts";

const [mode = "", home = "", url = ""] = process.argv.slice(2);

const say = (word: string): void => void process.stdout.write(`${word}\n`);

const never = (): Promise<never> =>
  new Promise(() => {
    // Holds the process open until it is killed.
    setInterval(() => undefined, 1_000_000);
  });

await using hub = await openHub(loadConfig({ flags: { home, keychain: "off" }, env: {} }));
await withHub(hub, async () => {
  if (mode === "save") {
    const type = await requireClass("custom-webhook");
    const block = construct(type, { name: "sink", url, json_data: { subject: "{{subject}}", body: "{{body}}" } });
    // Every block has it; the registry's classes are only known as objects here.
    await (block as { save: (name: string) => Promise<string> }).save("sink");
  }
  const hooks = { onCrashed: [notify("custom-webhook/sink")], onFailure: [notify("custom-webhook/sink")] };
  if (mode === "hang") {
    const nightly = flow({ name: "nightly", ...hooks }, async () => {
      say("running");
      await never();
    });
    await nightly();
  }
  if (mode === "fail") {
    const nightly = flow({ name: "nightly", ...hooks }, () => {
      throw new TypeError("bad row 17");
    });
    await nightly().catch(() => undefined);
    say("failed");
    await hub.drain();
    await never();
  }
  if (mode === "next") {
    const { crashed, recovered } = await hub.sweep();
    // The hub sweeps when it opens; whichever of the two came first did the work.
    await hub.dispatcher.rescan();
    const report = await hub.drain();
    say(`done ${JSON.stringify({ crashed: crashed.length, recovered, ...report })}`);
  }
});
