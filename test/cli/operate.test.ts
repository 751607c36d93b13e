import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli, temporaryHome } from "../support/cli.ts";

interface Finding {
  readonly level: string;
  readonly check: string;
  readonly text: string;
  readonly hint: string | null;
}

const findings = (stdout: string): Finding[] => JSON.parse(stdout) as Finding[];

describe("bellhop doctor", () => {
  it("says what is there, and makes nothing", async () => {
    await using home = await temporaryHome();
    const missing = join(home.path, "not-there");

    const { code, stdout } = await cli(["doctor", "--json", "--home", missing]);
    const again = await cli(["doctor", "--json", "--home", missing]);

    expect(code).toBe(0);
    expect(findings(stdout).map(({ level, check }) => `${level} ${check}`)).toEqual([
      "ok runtime",
      "ok config",
      "ok home",
      "ok store",
    ]);
    expect(again.stdout).toBe(stdout);
  });

  it("checks store, key, templates, deliveries and processes of a store in use", async () => {
    await using home = await temporaryHome();
    await cli(["block", "save", "slack-webhook/ops", "--stdin", "--home", home.path], {
      stdin: "https://hooks.slack.com/services/T0/B0/c4n4rydoctor",
    });

    const { code, stdout } = await cli(["doctor", "--json", "--home", home.path]);

    const checks = new Set(findings(stdout).map(({ check }) => check));
    expect(code).toBe(0);
    expect([...checks]).toEqual(["runtime", "config", "home", "store", "key", "templates", "deliveries", "processes"]);
    expect(findings(stdout).filter(({ level }) => level === "fail")).toEqual([]);
    expect(stdout).toMatch(/[0-9a-f]{16} from the key file/);
  });

  it.skipIf(process.platform === "win32")(
    "warns of a home that others can read, and says how to close it",
    async () => {
      await using home = await temporaryHome();
      const open = join(home.path, "open");
      await mkdir(open, { mode: 0o755 });

      const { code, stdout } = await cli(["doctor", "--home", open]);

      expect(code).toBe(0);
      expect(stdout).toContain("chmod 700");
    },
  );

  it("fails, with a hint, when the key is gone", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path];
    await cli(["block", "save", "secret/a", "--stdin", ...words], { stdin: "c4n4rysealed" });
    await writeFile(join(home.path, "encryption.key"), "");

    const { code, stdout } = await cli(["doctor", "--json", ...words]);

    expect(code).toBe(1);
    expect(findings(stdout).filter(({ level }) => level === "fail")).toEqual([
      expect.objectContaining({ check: "key", hint: expect.stringMatching(/\S/) }),
    ]);
  });

  it("fails, with a hint, on a damaged store and on a bad setting", async () => {
    await using home = await temporaryHome();
    await writeFile(join(home.path, "bellhop.db"), "not a database ".repeat(500));

    const damaged = await cli(["doctor", "--json", "--home", home.path]);
    const misset = await cli(["doctor", "--json", "--home", home.path], { env: { BELLHOP_DRAIN_TIMEOUT: "soon" } });

    expect([damaged.code, misset.code]).toEqual([1, 1]);
    expect(findings(damaged.stdout).at(-1)).toMatchObject({ level: "fail", check: "store" });
    expect(findings(misset.stdout).at(-1)).toMatchObject({
      level: "fail",
      check: "config",
      hint: expect.stringContaining("BELLHOP_DRAIN_TIMEOUT"),
    });
  });
});

describe("bellhop sweep", () => {
  it("reports what it found and sent", async () => {
    await using home = await temporaryHome();

    const { code, stdout } = await cli(["sweep", "--json", "--home", home.path]);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      leases: 0,
      crashed: [],
      recovered: 0,
      delivered: 0,
      queued: 0,
      dead: 0,
      in_flight: 0,
    });
  });

  it("refuses a wait that is no duration", async () => {
    await using home = await temporaryHome();

    expect((await cli(["sweep", "--wait", "soon", "--home", home.path])).code).toBe(2);
    expect((await cli(["sweep", "--wait", "3d", "--home", home.path])).code).toBe(2);
  });
});

describe("bellhop template", () => {
  it("lists the built-in templates", async () => {
    await using home = await temporaryHome();

    const { stdout } = await cli(["template", "ls", "--json", "--home", home.path]);

    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: "run-failed",
          origin: "built-in",
          variants: expect.arrayContaining(["email", "text"]),
        }),
      ]),
    );
  });

  it.each(["normal", "minimal", "hostile"])("previews every variant with the sample %s", async (sample) => {
    await using home = await temporaryHome();

    const plain = await cli(["template", "preview", "run-failed", "--sample", sample, "--home", home.path]);
    const asJson = await cli(["template", "preview", "run-failed", "--sample", sample, "--json", "--home", home.path]);

    expect([plain.code, asJson.code]).toEqual([0, 0]);
    // oxlint-disable-next-line no-control-regex -- these must not reach a terminal
    expect(plain.stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F]/);
    expect(JSON.parse(asJson.stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ variant: "text", template_error: null })]),
    );
  });

  it("prints what the provider gets with --raw", async () => {
    await using home = await temporaryHome();

    const html = await cli(["template", "preview", "run-failed", "--variant", "email", "--raw", "--home", home.path]);
    const slack = await cli([
      "template",
      "preview",
      "run-failed",
      "--variant",
      "slack.json",
      "--raw",
      "--home",
      home.path,
    ]);

    expect(html.stdout).toMatch(/^<!doctype html/i);
    expect(JSON.parse(slack.stdout)).toMatchObject({ text: expect.stringContaining("failed") });
  });

  it("names the nearest template and variant", async () => {
    await using home = await temporaryHome();

    const name = await cli(["template", "preview", "run-faild", "--home", home.path]);
    const variant = await cli(["template", "preview", "run-failed", "--variant", "slak", "--home", home.path]);

    expect([name.code, variant.code]).toEqual([1, 1]);
    expect(name.stderr).toContain("run-failed");
    expect(variant.stderr).toContain("slack");
  });

  it("checks the project's own templates, and fails on a bad one with file and line", async () => {
    await using home = await temporaryHome();
    const project = join(home.path, "project");
    await mkdir(join(project, "templates", "run-failed"), { recursive: true });
    await writeFile(join(project, "templates", "run-failed", "text.hbs"), "{{flow.name}}\n{{flow.nmae}}\n");
    const env = { BELLHOP_TEMPLATES_DIR: join(project, "templates") };

    const { code, stdout } = await cli(["template", "check", "--home", home.path], { env });
    const asJson = await cli(["template", "check", "--json", "--home", home.path], { env });

    expect(code).toBe(1);
    expect(stdout).toMatch(/run-failed\/text\.hbs:2:\d+/);
    expect(stdout).toContain("Did you mean");
    expect(JSON.parse(asJson.stdout)).toMatchObject([{ severity: "error", line: 2, code: "unknown_path" }]);
  });
});
