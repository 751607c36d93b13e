// Uses the planted secrets in results, keys, transactions, inputs, lineage and logs. Run by
// run-model.process.test.ts with a home.
import { inspect } from "node:util";
import {
  cachePolicy,
  flow,
  getRunLogger,
  INPUTS,
  pauseFlowRun,
  resumeFlowRun,
  runtime,
  Secret,
  tags,
  task,
  transaction,
} from "bellhop";
import { z } from "zod";
import { SECRETS } from "./secrets.ts";

const home = process.env["BELLHOP_HOME"] ?? "";
const show = (...values: readonly unknown[]): void => {
  for (const value of values) process.stdout.write(`${inspect(value, { depth: 8 })}\n${JSON.stringify(value)}\n`);
};
const attempt = async (fn: () => unknown): Promise<void> => {
  try {
    await fn();
  } catch {
    // What a caller gets back is the caller's business.
  }
};

// A secret is known to a process once it has saved or loaded it.
const known = [
  SECRETS.secretText,
  SECRETS.secretMultiline,
  SECRETS.secretNumericText,
  SECRETS.connection,
  SECRETS.apiKey,
  SECRETS.emoji,
  SECRETS.html,
  SECRETS.slashes,
  SECRETS.long,
  SECRETS.jsonSecret,
];
const all = known.join(" | ");
for (const [index, value] of known.entries()) await new Secret({ value }).save(`canary-${index}`);

const storages = [
  { resultStorage: "store", resultSerializer: "json" },
  { resultStorage: "store", resultSerializer: "v8" },
  { resultStorage: `${home}/results`, resultSerializer: "compressed/json" },
  { resultStorage: `${home}/results`, resultSerializer: "v8" },
] as const;

// As results, in every storage and by every serializer, and as errors.
for (const storage of storages) {
  const gives = task({ name: "gives", persistResult: true, ...storage }, (value: unknown) => value);
  const fails = task({ name: "fails", persistResult: true, ...storage }, (text: string): never => {
    throw Object.assign(new Error(`cannot connect: ${text}`, { cause: text }), { text });
  });
  const results = flow({ name: "results", persistResult: true, ...storage }, async () => {
    for (const secret of known) {
      await gives(secret);
      await gives({ [secret]: [secret] });
      await attempt(() => fails(secret));
    }
    return known;
  });
  const state = await results.run([], { returnState: true });
  show(String(state), state.toWire());
}

// In keys: of caches, of templates, of transactions and their locks; and in what goes wrong with them.
const keys = flow({ name: "keys" }, async () => {
  for (const secret of known) {
    await task({ name: "by-function", cacheKeyFn: () => `key ${secret}` }, () => 1)();
    await task(
      { name: "by-template", resultStorageKey: "at {parameters.text}" },
      (_given: { text: string }) => 1,
    )({
      text: secret,
    });
    await task(
      { name: "by-policy", cachePolicy: INPUTS.plus(cachePolicy(() => secret)) },
      (_given: string) => 1,
    )(secret);
    const throwing = (): never => {
      throw new Error(`no key for ${secret}`);
    };
    await task({ name: "no-key", cacheKeyFn: throwing }, () => 1)();
    await task({ name: "not-hashable", cachePolicy: INPUTS }, (_given: object) => 1)({ [secret]: () => 1 });
    await task({ name: "not-kept", persistResult: true }, () => ({ [secret]: () => 1 }))();
    await transaction({ key: `import ${secret}`, isolationLevel: "SERIALIZABLE" }, (txn) => txn.stage(secret));
  }
});
await keys();

// In transactions: values, staged values, names and errors of hooks.
const transactions = flow({ name: "transactions" }, async () => {
  for (const secret of known) {
    const broken = (): never => {
      throw new Error(`hook: ${secret}`, { cause: secret });
    };
    Object.defineProperty(broken, "name", { value: `hook ${secret}` });
    const work = task({ name: `work ${secret}`, onCommit: [broken], onRollback: [broken] }, () => secret);
    await transaction(async (txn) => {
      txn.set("token", secret);
      txn.set(secret, secret);
      txn.stage({ token: secret }, { onCommitHooks: [broken], onRollbackHooks: [broken] });
      await work();
    });
    await attempt(() =>
      transaction({ key: `undone ${secret}` }, async (txn) => {
        await work();
        txn.get(`missing ${secret}`);
      }),
    );
  }
});
await transactions();

// In what a run is given while it runs.
const asks = flow({ name: "asks" }, async (index: number) =>
  pauseFlowRun({
    waitForInput: z.object({
      note: z
        .string()
        .default(known[index] ?? "")
        .describe(known[index] ?? ""),
    }),
    timeout: 60,
    pollInterval: 0.05,
  }),
);
for (const [index, secret] of known.entries()) {
  let id: string | null = null;
  const asking = asks.withOptions({ onRunning: [() => void (id = runtime.flowRun.id)] })(index);
  for (let tries = 0; tries < 600; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (id !== null && (await attemptResume(id, secret))) break;
  }
  await asking;
}

async function attemptResume(id: string, secret: string): Promise<boolean> {
  try {
    await resumeFlowRun(id, { runInput: { note: secret } });
    return true;
  } catch {
    // Not paused yet.
    return false;
  }
}

// In the lineage of task runs, and in tags.
const lineage = flow({ name: "lineage", tags: known }, async () => {
  const one = task({ name: "one", persistResult: true }, () => ({ rows: 1 }));
  const takes = task({ name: "takes", taskRunName: "takes {arg0}" }, (_given: unknown) => 1);
  for (const secret of known) {
    const future = one.submit();
    await takes.submit({ [secret]: future }).wait();
    await tags([`tagged ${secret}`], () => takes.submitWith({ waitFor: [future] }, secret as never).wait());
  }
});
await lineage();

// In the log of a run, from a logger and from the console, also as a secret parameter that only this run knows.
const logs = flow(
  { name: "logs", logPrints: true, persistResult: true },
  async (options: { password: string; deep: { api_key: string } }) => {
    const say = task({ name: "say" }, async (texts: readonly string[]) => {
      const log = getRunLogger();
      for (const text of texts) {
        log.info(`plain ${text}`);
        log.info("as a value: %s, %j, %o", text, { text }, [text]);
        log.warn("with an object", { [text]: text });
        log.exception("while loading", new Error(`cannot connect ${text}`, { cause: text }));
        log.info("only here", { password: text }, { sendToApi: false });
        getRunLogger({ url: text }).error(text);
        console.log(`console ${text}`, { text }, [text]);
        console.error(new Error(text));
        console.debug("%s", text);
      }
    });
    const texts = [...known, all, options.password, options.deep.api_key];
    await say(texts);
    await transaction({ key: `of ${options.password}` }, (txn) => txn.stage(options));
    await task({ name: "keyed", cacheKeyFn: () => options.deep.api_key }, () => options)();
    return texts;
  },
);
await logs({ password: SECRETS.parameter, deep: { api_key: SECRETS.parameterNested } });
process.stdout.write("the run model is through\n");
