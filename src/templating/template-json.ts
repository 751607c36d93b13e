import type { JsonValue } from "../base/json.ts";

/**
 * Reads the JSON that a template printed. Commas before a closing bracket, after an opening one or in a row are
 * forgiven, because a template that leaves a block out cannot know whether another one follows.
 *
 * @throws SyntaxError when it is no JSON even so.
 */
export const parseTemplateJson = (text: string): JsonValue => JSON.parse(withoutStrayCommas(text));

/** One pass; texts in quotes are copied as they are. */
function withoutStrayCommas(text: string): string {
  let output = "";
  let isPending = false;
  let last = "";
  for (let index = 0; index < text.length;) {
    const character = text[index] ?? "";
    if (character === ",") {
      isPending = last !== "" && last !== "[" && last !== "{";
      index += 1;
      continue;
    }
    const end = character === '"' ? endOfString(text, index) : index + 1;
    const isBlank = /\s/.test(character);
    if (!isBlank) {
      if (isPending && character !== "]" && character !== "}") output += ",";
      isPending = false;
      last = character;
    }
    output += text.slice(index, end);
    index = end;
  }
  return output;
}

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === "\\") index += 1;
    else if (text[index] === '"') return index + 1;
  }
  return text.length;
}
