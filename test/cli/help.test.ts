import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/command-table.ts";
import { columnsOf } from "../../src/cli/terminal-text.ts";
import { cli } from "../support/cli.ts";
import { allCommands } from "../support/cli-reference.ts";

const commands = await allCommands();
const groups = COMMANDS.flatMap((section) => section.commands).filter((entry) => "commands" in entry);

describe("help", () => {
  it("lists every command, by what it is for", async () => {
    const { code, stdout, stderr } = await cli(["--help"]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatchSnapshot();
  });

  it("is what a bare bellhop prints", async () => {
    expect(await cli([])).toEqual(await cli(["--help"]));
  });

  it.each(commands)("explains bellhop $path with examples", async ({ path }) => {
    const { code, stdout, stderr } = await cli([...path.split(" "), "--help"]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatchSnapshot();
    expect(stdout).toContain("Examples:");
  });

  it.each(commands)("says the same for bellhop help $path", async ({ path }) => {
    expect(await cli(["help", ...path.split(" ")])).toEqual(await cli([...path.split(" "), "--help"]));
  });

  it.each(groups)("answers a bare bellhop $name with its commands and exit code 2", async ({ name }) => {
    const { code, stdout, stderr } = await cli([name]);

    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`Usage: bellhop ${name} <command>`);
  });

  it.each(groups)("knows the plural $alias", async ({ name, alias }) => {
    expect((await cli([alias, "--help"])).stdout).toBe((await cli([name, "--help"])).stdout);
  });

  it.each(["exit-codes", "environment", "secrets"])("has the topic %s", async (topic) => {
    const { code, stdout } = await cli(["help", topic]);

    expect(code).toBe(0);
    expect(stdout).toMatchSnapshot();
  });

  it("fits 80 columns, examples apart", async () => {
    const calls = ["", ...commands.map(({ path }) => path)].map((path) => `${path} --help`.trim().split(" "));
    const pages = await Promise.all(calls.map((words) => cli(words)));
    const lines = pages.flatMap(({ stdout }) => stdout.split("\n")).filter((line) => !/^ {2}[$#] /.test(line));

    expect(lines.filter((line) => columnsOf(line) > 80)).toEqual([]);
  });

  it("prints the version and nothing else", async () => {
    const { stdout } = await cli(["--version", "--json"]);

    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
