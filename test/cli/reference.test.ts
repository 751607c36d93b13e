import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT_TEXT } from "../../src/cli/exit-code.ts";
import { allCommands, referenceOf } from "../support/cli-reference.ts";
import { ROOT } from "../support/source-files.ts";

const PAGE = join(ROOT, "docs/cli.md");
const MARK = "-->\n";

describe("docs/cli.md", () => {
  it("describes every command as the command describes itself", async () => {
    const page = readFileSync(PAGE, "utf8");
    const prose = page.slice(0, page.indexOf(MARK) + MARK.length);

    const sections = (await allCommands()).map(referenceOf);

    await expect(
      `${prose}\n## Commands\n\nEvery command takes \`--json\`, \`--home <dir>\` and \`--help\`.\n\n${sections.join("\n\n")}\n`,
    ).toMatchFileSnapshot(PAGE);
  });

  it("lists the exit codes with the words of the help", () => {
    const page = readFileSync(PAGE, "utf8").replaceAll("`", "");

    expect(EXIT_TEXT.filter(([code, text]) => !page.includes(`| ${code} | ${text} |`))).toEqual([]);
  });
});
