/** A symbol before the title is no other line. */
const LONGEST_SYMBOL = 4;

const bare = (text: string): string => text.replaceAll(/[*_`]/g, "").trim();

/** The body without a first line that only repeats the title, for channels that show the title on its own. */
export function withoutTitleLine(body: string, title: string): string {
  const end = body.indexOf("\n");
  if (end < 0) return body;
  const line = bare(body.slice(0, end));
  const wanted = bare(title);
  const isTitle = wanted !== "" && line.endsWith(wanted) && line.length - wanted.length <= LONGEST_SYMBOL;
  const rest = body.slice(end + 1).replace(/^\n+/, "");
  return isTitle && rest !== "" ? rest : body;
}
