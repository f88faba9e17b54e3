// Floor 1: codec.

/**
 * Refuses options that nobody here knows, which a program would take for heard: a server with an `allowlist` lets everybody in, one
 * for whom `host` is nothing listens on all addresses. What is undefined or null asks for nothing.
 *
 * @param what How the error begins: what can't be done.
 * @param known The names that there are; the values say nothing.
 * @param foreign What other libraries take, and the rest of a sentence about it: "is `hostname` here".
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for an unknown option, with the name that it has here, and for what is no object of options, as an
 * `AbortSignal` is none.
 *
 * @example
 * ```ts
 * import { checkOptionNames } from "@sluice/sockets/net";
 * import { assertThrows } from "@std/assert";
 *
 * const known = { hostname: true, allowList: true };
 * const check = (options: object) => checkOptionNames("Cannot listen", options, known, { host: "is `hostname` here" });
 * check({ hostname: "127.0.0.1", allowlist: undefined });
 * assertThrows(() => check({ host: "::1" }), TypeError, "Cannot listen: `host` is `hostname` here");
 * assertThrows(() => check({ allowlist: [] }), TypeError, "there is no option `allowlist`, but `allowList`");
 * ```
 */
export function checkOptionNames(
  what: string,
  options: object,
  known: Readonly<Record<string, unknown>>,
  foreign: Readonly<Record<string, string>> = {},
): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null || Symbol.iterator in given) {
    throw refusal(`${what}: the options are not an object`);
  }
  // It has no properties of its own, and would not be heard.
  if (typeof (given as { aborted?: unknown }).aborted === "boolean") {
    throw refusal(`${what}: a signal goes into an object, { signal }`);
  }
  // No list of them is made: some calls are made for each message.
  for (const name in given) {
    if (Object.hasOwn(known, name) || !Object.hasOwn(given, name)) continue;
    const value = (given as Record<string, unknown>)[name];
    if (value === undefined || value === null) continue;
    if (Object.hasOwn(foreign, name)) throw refusal(`${what}: \`${name}\` ${foreign[name]}`);
    throw refusal(`${what}: there is no option \`${name}\`${meant(name, known)}`);
  }
}

/**
 * Refuses options whose names differ from known ones in upper and lower case alone. For options that may hold anything else: in Node's
 * style a program's whole configuration is handed on.
 *
 * @param what How the error begins: what can't be done.
 * @param known The names that there are; the values say nothing.
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for such an option, with the name that it has here.
 *
 * @example
 * ```ts
 * import { checkOptionSpelling } from "@sluice/sockets/net";
 * import { assertThrows } from "@std/assert";
 *
 * checkOptionSpelling("Cannot connect", { port: 80, comment: "mine" }, { port: true, highWaterMark: true });
 * assertThrows(
 *   () => checkOptionSpelling("Cannot connect", { highWatermark: 1 }, { port: true, highWaterMark: true }),
 *   TypeError,
 *   "there is no option `highWatermark`, but `highWaterMark`",
 * );
 * ```
 */
export function checkOptionSpelling(
  what: string,
  options: object,
  known: Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || Object.hasOwn(known, name)) continue;
    const other = meant(name, known);
    if (other !== "") throw refusal(`${what}: there is no option \`${name}\`${other}`);
  }
}

/** An error with the code that Node has for such options. */
function refusal(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
}

/** What follows in the text where a name is spelt wrong. */
function meant(name: string, known: object): string {
  const lower = name.toLowerCase();
  const other = Object.keys(known).find((key) => key.toLowerCase() === lower);
  return other === undefined ? "" : `, but \`${other}\``;
}
