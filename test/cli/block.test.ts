import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startInbox } from "../../src/inbox/inbox.ts";
import { cli, temporaryHome } from "../support/cli.ts";

const URL_SECRET = "https://hooks.slack.com/services/T0000/B0000/c4n4ryurlsecret";
const PASSWORD = "c4n4rypassw0rd";

const json = (text: string): unknown => JSON.parse(text);

describe("bellhop block save", () => {
  it("takes the one secret of a type from standard input", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path];

    const saved = await cli(["block", "save", "slack-webhook/ops", "--stdin", "--json", ...words], {
      stdin: `${URL_SECRET}\n`,
    });
    const shown = await cli(["block", "inspect", "slack-webhook/ops", "--show-secrets", "--json", ...words]);

    expect(saved).toMatchObject({ code: 0, stderr: "" });
    expect(json(saved.stdout)).toMatchObject({
      ref: "slack-webhook/ops",
      block_type_slug: "slack-webhook",
      name: "ops",
      revision: 1,
    });
    expect(json(shown.stdout)).toMatchObject({ data: { url: URL_SECRET } });
  });

  it.each([
    { source: "env:HOOK", env: { HOOK: URL_SECRET } },
    { source: "file:", env: {} },
    { source: "stdin", env: {} },
  ])("takes a secret from $source", async ({ source, env }) => {
    await using home = await temporaryHome();
    const file = join(home.path, "url.txt");
    await writeFile(file, `${URL_SECRET}\n`);
    const from = source === "file:" ? `file:${file}` : source;

    const saved = await cli(["block", "save", "slack-webhook/ops", "--set-from", `url=${from}`, "--home", home.path], {
      env,
      stdin: URL_SECRET,
    });
    const shown = await cli(["block", "inspect", "slack-webhook/ops", "--show-secrets", "--json", "--home", home.path]);

    expect(saved).toMatchObject({ code: 0, stderr: "" });
    expect(json(shown.stdout)).toMatchObject({ data: { url: URL_SECRET } });
  });

  it("refuses a secret on the command line, without repeating it, unless that is allowed", async () => {
    await using home = await temporaryHome();
    const words = ["block", "save", "slack-webhook/ops", "--set", `url=${URL_SECRET}`, "--home", home.path];

    const refused = await cli(words);
    const allowed = await cli([...words, "--allow-argv-secrets"]);

    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("--set-from url=env:NAME");
    expect(refused.stderr).not.toContain("c4n4ry");
    expect(allowed).toMatchObject({ code: 0 });
    expect(allowed.stdout + allowed.stderr).not.toContain("c4n4ry");
  });

  it("names what is missing where it cannot ask", async () => {
    await using home = await temporaryHome();

    const { code, stderr } = await cli(["block", "save", "slack-webhook/ops", "--home", home.path]);

    expect(code).toBe(2);
    expect(stderr).toContain("slack-webhook/ops needs url");
    expect(stderr).toContain("--set-from url=env:NAME");
  });

  it("understands lists, numbers, switches and references to other blocks", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path];
    const credentials = [
      "block",
      "save",
      "email-server-credentials/relay",
      "--set",
      "smtp_server=mail.example.org",
      "--set",
      "smtp_port=2525",
      "--set",
      "verify=false",
    ];

    const first = await cli([...credentials, "--stdin", ...words], { stdin: PASSWORD });
    const fields = [
      "credentials=email-server-credentials/relay",
      "from=hub@example.org",
      "to=a@example.org,b@example.org",
      "to=c@example.org",
    ];
    const second = await cli([
      "block",
      "save",
      "email-smtp/oncall",
      ...fields.flatMap((field) => ["--set", field]),
      ...words,
    ]);
    const relay = await cli(["block", "inspect", "email-server-credentials/relay", "--json", ...words]);
    const oncall = await cli(["block", "inspect", "email-smtp/oncall", "--json", ...words]);

    expect([first.stderr, second.stderr]).toEqual(["", ""]);
    expect(json(relay.stdout)).toMatchObject({
      data: { smtp_server: "mail.example.org", smtp_port: 2525, verify: false, password: "********" },
    });
    expect(json(oncall.stdout)).toMatchObject({
      data: {
        to: ["a@example.org", "b@example.org", "c@example.org"],
        credentials: { _block_document_name: "relay", password: "********" },
      },
    });
  });

  it("takes JSON that names several fields as fields, and other JSON as the secret", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path];
    const fields = { username: "u", password: PASSWORD, smtp_server: "mail.example.org", smtp_port: 2525 };
    const save = (name: string, stdin: unknown) =>
      cli(["block", "save", `email-server-credentials/${name}`, "--stdin", ...words], { stdin: JSON.stringify(stdin) });

    await save("fields", fields);
    await save("secret", { password: "x", project: "y" });
    const inspected = await cli(["block", "inspect", "email-server-credentials/fields", "--json", ...words]);
    const asked = ["block", "inspect", "email-server-credentials/secret", "--show-secrets", "--json"];
    const secret = await cli([...asked, ...words]);

    expect(JSON.parse(inspected.stdout)).toMatchObject({
      data: { username: "u", password: "********", smtp_server: "mail.example.org", smtp_port: 2525 },
    });
    expect(JSON.parse(secret.stdout)).toMatchObject({ data: { password: '{"password":"x","project":"y"}' } });
  });

  it("keeps a secret that looks like JSON as the text it is", async () => {
    await using home = await temporaryHome();
    const text = '{"private_key":"c4n4rykey"}';

    await cli(["block", "save", "secret/key-file", "--stdin", "--home", home.path], { stdin: text });
    const shown = await cli(["block", "inspect", "secret/key-file", "--show-secrets", "--json", "--home", home.path]);

    expect(json(shown.stdout)).toMatchObject({ data: { value: text } });
  });

  it("takes JSON for a field that holds any JSON", async () => {
    await using home = await temporaryHome();

    await cli(["block", "save", "json/limits", "--set", 'value={"max":3}', "--home", home.path]);
    const shown = await cli(["block", "inspect", "json/limits", "--json", "--home", home.path]);

    expect(json(shown.stdout)).toMatchObject({ data: { value: { max: 3 } } });
  });

  it("replaces a block only with --overwrite", async () => {
    await using home = await temporaryHome();
    const words = ["block", "save", "string/greeting", "--home", home.path, "--set"];

    const [first, second, third] = [
      await cli([...words, "value=a"]),
      await cli([...words, "value=b"]),
      await cli([...words, "value=c", "--overwrite", "--json"]),
    ];

    expect([first.code, second.code, third.code]).toEqual([0, 1, 0]);
    expect(second.stderr).toContain("code: block_already_exists");
    expect(json(third.stdout)).toMatchObject({ revision: 2 });
  });

  it.each([
    { words: ["slack-webhook"], code: 1, error: "invalid_block_reference" },
    { words: ["slack-webhok/ops"], code: 1, error: "unknown_block_type" },
    { words: ["string/x", "--set", "valeu=1"], code: 2, error: "cli_usage" },
    { words: ["string/x", "--set", "value"], code: 2, error: "cli_usage" },
    { words: ["string/x", "--set-from", "value=env:NOT_SET_ANYWHERE"], code: 2, error: "cli_usage" },
    { words: ["string/x", "--set-from", "value=file:/nonexistent/file"], code: 2, error: "cli_usage" },
    { words: ["string/x", "--set-from", "value=keyring"], code: 2, error: "cli_usage" },
    {
      words: [
        "email-smtp/x",
        "--set",
        "credentials=email-server-credentials/none",
        "--set",
        "from=a@example.org",
        "--set",
        "to=b@example.org",
      ],
      code: 1,
      error: "block_not_found",
    },
    { words: ["slack-webhook/x", "--set-from", "url=env:BAD"], code: 1, error: "block_validation_failed" },
  ])("explains what is wrong with $words", async ({ words, code, error }) => {
    await using home = await temporaryHome();

    const result = await cli(["block", "save", ...words, "--home", home.path, "--json"], {
      env: { BAD: "not a url c4n4ry" },
    });

    expect(result).toMatchObject({ code, stdout: "" });
    expect(json(result.stderr)).toMatchObject({ error: { code: error, hint: expect.stringMatching(/\S/) } });
    expect(result.stderr).not.toContain("c4n4ry");
  });
});

describe("bellhop block ls, inspect and delete", () => {
  it("show no secret, on a terminal or as JSON", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path];
    await cli(["block", "save", "slack-webhook/ops", "--stdin", ...words], { stdin: URL_SECRET });

    const shown = await Promise.all(
      [["ls"], ["ls", "--json"], ["inspect", "slack-webhook/ops"], ["inspect", "slack-webhook/ops", "--json"]].map(
        (command) => cli(["block", ...command, ...words]),
      ),
    );

    for (const { code, stdout } of shown) {
      expect(code).toBe(0);
      expect(stdout).toContain("slack-webhook/ops");
      expect(stdout).toContain("********");
      expect(stdout).not.toContain("c4n4ry");
    }
  });

  it("leave the secret sealed in every file of the store", async () => {
    await using home = await temporaryHome();
    await cli(["block", "save", "slack-webhook/ops", "--stdin", "--home", home.path], { stdin: URL_SECRET });

    expect((await readFile(join(home.path, "bellhop.db"))).includes("c4n4ry")).toBe(false);
  });

  it("filter by type and capability", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path, "--json"];
    await cli(["block", "save", "string/a", "--set", "value=1", ...words]);
    await cli(["block", "save", "inbox/dev", ...words]);

    const refs = async (...filter: string[]): Promise<unknown> =>
      (json((await cli(["block", "ls", ...filter, ...words])).stdout) as { ref: string }[]).map(({ ref }) => ref);

    expect(await refs()).toEqual(["inbox/dev", "string/a"]);
    expect(await refs("--type", "string")).toEqual(["string/a"]);
    expect(await refs("--capability", "notify")).toEqual(["inbox/dev"]);
  });

  it("delete only when it is confirmed", async () => {
    await using home = await temporaryHome();
    const words = ["--home", home.path];
    await cli(["block", "save", "string/a", "--set", "value=1", ...words]);

    const asked = await cli(["block", "delete", "string/a", ...words]);
    const deleted = await cli(["block", "delete", "string/a", "--yes", ...words]);
    const gone = await cli(["block", "delete", "string/a", "--yes", ...words]);

    expect([asked.code, deleted.code, gone.code]).toEqual([2, 0, 1]);
    expect(deleted.stdout).toBe("Deleted block string/a.\n");
    expect(gone.stderr).toContain("code: block_not_found");
  });
});

describe("bellhop block type", () => {
  it("lists every built-in type with what it can do", async () => {
    await using home = await temporaryHome();

    const { stdout } = await cli(["block", "types", "ls", "--json", "--home", home.path]);

    expect(json(stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ slug: "slack-webhook", capabilities: ["notify"] }),
        expect.objectContaining({ slug: "secret", capabilities: [] }),
      ]),
    );
  });

  it("shows the fields of a type, and which of them are secret", async () => {
    await using home = await temporaryHome();

    const { stdout } = await cli(["block", "type", "inspect", "slack-webhook", "--home", home.path]);
    const schema = json(
      (await cli(["block", "type", "inspect", "slack-webhook", "--json", "--home", home.path])).stdout,
    );

    expect(stdout).toMatch(/url\s+required, secret/);
    expect(schema).toMatchObject({
      block_type: { slug: "slack-webhook" },
      schema: { fields: { secret_fields: ["url"] }, capabilities: ["notify"] },
    });
  });
});

describe("bellhop notify and block test", () => {
  it("send, and say what was accepted", async () => {
    await using home = await temporaryHome();
    await using inbox = await startInbox({ smtpPort: null });
    const words = ["--home", home.path];
    await cli(["block", "save", "slack-webhook/ops", "--stdin", ...words], { stdin: inbox.slackUrl });

    const sent = await cli(
      ["notify", "slack-webhook/ops", "-", "--subject", "Backup", "--severity", "success", "--json", ...words],
      { stdin: "done: 3 GB\n" },
    );
    const tested = await cli(["block", "test", "slack-webhook/ops", ...words]);

    expect(sent).toMatchObject({ code: 0, stderr: "" });
    expect(json(sent.stdout)).toMatchObject({
      status: "delivered",
      destination: "slack-webhook/ops",
      delivery_id: expect.any(String),
    });
    expect(tested.stdout).toContain("✓ Delivered to slack-webhook/ops");
    expect(tested.stdout).toContain("Attempts (1)");
    expect(inbox.messages.map((message) => message.raw)).toEqual([
      expect.stringContaining("done: 3 GB"),
      expect.stringContaining("[test]"),
    ]);
  });

  it("fail with a coded error and exit code 1 when the provider refuses, and leave a record", async () => {
    await using home = await temporaryHome();
    await using inbox = await startInbox({ smtpPort: null });
    const words = ["--home", home.path];
    await cli(["block", "save", "slack-webhook/ops", "--stdin", ...words], { stdin: inbox.slackUrl });
    inbox.answerNext({ status: 404, body: "no_service" });

    const refused = await cli(["notify", "slack-webhook/ops", "text", ...words]);
    const listed = await cli(["delivery", "ls", "--status", "dead", "--json", ...words]);
    const [delivery] = json(listed.stdout) as { id: string }[];
    const inspected = await cli(["delivery", "inspect", delivery?.id ?? "", ...words]);

    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("code: delivery_failed");
    expect(json(listed.stdout)).toMatchObject([
      { status: "dead", destination: "slack-webhook/ops", reason: "gone", attempts: 1 },
    ]);
    expect(inspected.stdout).toContain("permanent: gone");
    expect(refused.stderr + inspected.stdout).not.toContain("/services/");
  });

  it("refuse an empty message and an unknown block", async () => {
    await using home = await temporaryHome();

    const empty = await cli(["notify", "slack-webhook/ops", "-", "--home", home.path]);
    const unknown = await cli(["notify", "slack-webhook/opps", "text", "--home", home.path]);

    expect([empty.code, unknown.code]).toEqual([2, 1]);
    expect(unknown.stderr).toContain("code: block_not_found");
  });
});
