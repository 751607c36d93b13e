/** Shorter values are not masked: they occur in ordinary text. Unit: UTF-16 units. */
export const SHORTEST_SECRET = 5;
/** A part of a secret is masked by itself from this length on; shorter ones such as `/hook` are no secret. */
const SHORTEST_PART = 16;
/** Inside a longer base64 text; what is shorter than this might be an ordinary word. */
const SHORTEST_BASE64 = 7;

/** The text without URL escapes, or as it is when they are not well formed. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a URIError
  }
}

/** What is quoted without the rest of a secret address: `.../services/T0/B0/<token>`, `//user:<password>@`. */
function partsOfUrl(value: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || !URL.canParse(value)) return [];
  const url = new URL(value);
  const long = [url.pathname + url.search, ...url.pathname.split("/"), ...url.searchParams.values()];
  // The parser may write the address differently (host in lower case, escapes added).
  return [url.href, url.password, decoded(url.password), ...long.filter((part) => part.length >= SHORTEST_PART)];
}

/** A key of several lines may be quoted line by line, indented, or on one line. Its first and last line are no secret. */
function partsOfLines(value: string): string[] {
  if (!/\s/.test(value)) return [];
  const lines = value.split(/[\r\n]+/).map((line) => line.trim());
  if (lines.length === 1) return [value.replaceAll(/\s+/g, " ")];
  const long = lines.filter((line) => line.length >= SHORTEST_PART && !line.startsWith("-----"));
  return [value.trim(), value.replaceAll(/\r?\n/g, "\r\n"), value.trim().replaceAll(/\s+/g, " "), ...long];
}

/**
 * The characters of a base64 text that stand for the value alone, wherever in it the value begins: a mail server quotes
 * a login as base64 of `\0user\0password`, and an HTTP server as base64 of `user:password`.
 */
function insideBase64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const inner = text.slice(offset === 0 ? 0 : offset + 1, Math.floor(((offset + bytes.length) * 8) / 6));
    return inner.length < SHORTEST_BASE64 ? [] : [inner];
  });
}

const escapes = (marks: Readonly<Record<string, string>>) => {
  const special = new RegExp(`[${Object.keys(marks).join("")}]`, "g");
  return (text: string): string => text.replaceAll(special, (mark) => marks[mark] ?? mark);
};
const ANGLES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" } as const;
/** As Slack's markup wants it, and as the template engines of JavaScript, Python, PHP and Go write HTML. */
const MARKUP = [
  escapes(ANGLES),
  escapes({ ...ANGLES, '"': "&quot;", "'": "&#39;" }),
  escapes({ ...ANGLES, '"': "&quot;", "'": "&#039;" }),
  escapes({ ...ANGLES, '"': "&quot;", "'": "&#x27;" }),
  escapes({ ...ANGLES, '"': "&#34;", "'": "&#39;" }),
  escapes({ ...ANGLES, '"': "&quot;", "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;" }),
] as const;

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
const inAsciiJson = (text: string): string =>
  inJson(text).replaceAll(
    /[^\u0020-\u007e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
const inForm = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1);

/** Nothing that any of the writers below changes. */
const isPlain = (text: string): boolean => /^[\w.-]*$/.test(text);
const isAscii = (text: string): boolean => /^[\u0020-\u007e]*$/.test(text);
const lowerCodes = (url: string): string => url.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());

function writtenForms(raw: string): string[] {
  if (isPlain(raw)) return [raw];
  const whole = raw.toWellFormed();
  const urls = [encodeURIComponent(whole), encodeURI(whole), inForm(whole)];
  const forms = [raw, ...urls, ...urls.map(lowerCodes)];
  if (!isAscii(raw)) forms.push(raw.normalize("NFC"), raw.normalize("NFD"), inAsciiJson(raw));
  const json = inJson(raw);
  // JSON quoted in JSON: a server's answer about the request that it refused.
  if (json !== raw) forms.push(json, inJson(json));
  if (/[&<>"'`=]/.test(raw)) forms.push(...MARKUP.map((escape) => escape(raw)));
  return forms;
}

/** Every way in which the value, or a part of it that gives it away, is likely to be written somewhere. */
export function secretForms(value: string): string[] {
  const parts = new Set([value, ...partsOfUrl(value), ...partsOfLines(value)]);
  const bytes = Buffer.from(value, "utf8");
  const base64 = [bytes.toString("base64").replace(/=+$/, ""), ...insideBase64(bytes)];
  const password = parts.size > 1 && URL.canParse(value) ? decoded(new URL(value).password) : "";
  base64.push(...insideBase64(Buffer.from(password, "utf8")));
  const forms = new Set([...[...parts].flatMap(writtenForms), ...base64, ...base64.map(urlSafe)]);
  return [...forms].filter((form) => form.length >= SHORTEST_SECRET);
}

const urlSafe = (base64: string): string => base64.replaceAll("+", "-").replaceAll("/", "_");
