import { isBuiltin } from "node:module";
import type { Plugin } from "rolldown";

const AS_ESM = "\0builtin:";
const AS_CJS = "\0builtin-cjs:";
const AS_LAZY = "\0builtin-lazy:";
const AS_HTTP2 = "\0builtin-http2";

/** `node:module` stays an ordinary import: the bundler's own helpers use it. */
const isOurs = (source: string): boolean => isBuiltin(source) && source !== "node:module" && source !== "module";

const taken = (name: string): string => `process.getBuiltinModule(${JSON.stringify(name)})`;

function namesOf(name: string): string[] {
  const builtin: unknown = process.getBuiltinModule(name);
  if ((typeof builtin !== "object" && typeof builtin !== "function") || builtin === null) return [];
  return Object.getOwnPropertyNames(builtin).filter((key) => /^[A-Za-z_$][\w$]*$/.test(key) && key !== "default");
}

/** The names that a program does not use are dropped by the bundler. */
function esmOf(name: string): string {
  const names = namesOf(name).map((key, index) => `const n${index} = builtin.${key};\nexport { n${index} as ${key} };`);
  return `const builtin = /* @__PURE__ */ ${taken(name)};\nexport default builtin;\n${names.join("\n")}`;
}

const lazily = (name: string): string => `new Proxy({}, { get: (_, key) => ${taken(name)}[key] })`;

/** undici reads the constants when it is loaded, and the rest only for a connection that speaks HTTP/2. */
const http2 = (): string =>
  `const constants = ${JSON.stringify(process.getBuiltinModule("node:http2").constants)};
module.exports = new Proxy({ constants }, { get: (own, key) => own[key] ?? ${taken("node:http2")}[key] });`;

/**
 * Takes Node's own modules directly. An `import` of one reads every name it exports, and with that loads what lazy
 * getters stand for (`node:http` alone: 40 ms, for a WebSocket that nobody asked for). Two modules that libraries load
 * for what we never use, commander's subprocesses and undici's HTTP/2, are loaded when they are used.
 */
export const builtins: Plugin = {
  name: "builtins",
  resolveId(source, importer = "", { kind }) {
    if (!isOurs(source)) return null;
    const name = source.startsWith("node:") ? source : `node:${source}`;
    const id = () => {
      if (name === "node:child_process" && /[/\\]commander[/\\]/.test(importer)) return AS_LAZY + name;
      if (name === "node:http2" && /[/\\]undici[/\\]/.test(importer)) return AS_HTTP2;
      return (kind === "require-call" ? AS_CJS : AS_ESM) + name;
    };
    return { id: id(), moduleSideEffects: false };
  },
  load(id) {
    const rest = (prefix: string): string => id.slice(prefix.length);
    if (id === AS_HTTP2) return { code: http2(), moduleType: "js" };
    if (id.startsWith(AS_ESM)) return { code: esmOf(rest(AS_ESM)), moduleType: "js" };
    if (id.startsWith(AS_CJS)) return { code: `module.exports = ${taken(rest(AS_CJS))};`, moduleType: "js" };
    if (id.startsWith(AS_LAZY)) return { code: `export default ${lazily(rest(AS_LAZY))};`, moduleType: "js" };
    return null;
  },
};

/** Another parser, another build of the parser, and bodies that are forms: of undici, for what we never ask of it. */
const SPARE = /^\.\.\/(milo\/|llhttp\/llhttp-wasm\.js|web\/)/;

/** Leaves what undici requires on the way to something rare in its own package, half a megabyte in all. */
export const spares: Plugin = {
  name: "spares",
  resolveId(source, importer = "", { kind }) {
    const isSpare = kind === "require-call" && SPARE.test(source) && /[/\\]undici[/\\]lib[/\\]/.test(importer);
    return isSpare ? { id: `undici/lib/${source.slice("../".length)}`, external: true } : null;
  },
};
