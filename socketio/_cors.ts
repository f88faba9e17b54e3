// Floor 2: protocol.
import { checkOptionNames } from "../net/option_names.ts";
import { flag } from "./_option_kinds.ts";
import { isThenable } from "./_thenable.ts";
import type { CorsOptions, CorsOrigin, CorsOriginAnswer } from "./engine_options.ts";
import type { EngineHeaders } from "./types.ts";

/** The answer of the CORS rules to one request. */
export interface CorsAnswer {
  /** Whether the origin is let in. */
  allowed: boolean;
  /** The headers of the response. */
  headers: [string, string][];
  /** What a function of the program has refused the request with, by its callback. */
  error?: unknown;
}

/** A function's refusal: the error that it gave to its callback. */
class OriginRefusal {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

function isSimpleAnswer(value: unknown): value is boolean | string | RegExp {
  return typeof value === "boolean" || typeof value === "string" || value instanceof RegExp;
}

function isAnswer(value: unknown): value is CorsOriginAnswer {
  return Array.isArray(value) ? value.every(isSimpleAnswer) : isSimpleAnswer(value);
}

/** Whether a rule is for all origins alike. A list with the star is: it must not answer each with its own name, which would let credentials in. */
function isStar(rule: unknown): boolean {
  return rule === "*" || Array.isArray(rule) && rule.includes("*");
}

/** @throws {TypeError} if the program's answer is none. */
function checkAnswer(value: unknown): CorsOriginAnswer {
  if (isAnswer(value)) return value;
  if (value === undefined || value === null) return false;
  throw new TypeError(
    "Cannot use the answer of the function cors.origin: it is neither true, false, a text, a pattern nor a list of these",
  );
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof CorsOptions, true> = {
  origin: true,
  credentials: true,
  methods: true,
  allowedHeaders: true,
  headers: true,
  exposedHeaders: true,
  maxAge: true,
  optionsSuccessStatus: true,
};
// RFC 9110 §5.5
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @throws {TypeError} for what is no text and no list of texts, or can't be sent. */
function checkList(name: string, value: unknown): void {
  const fits = (text: unknown) => typeof text === "string" && FIELD_VALUE.test(text);
  if (value === undefined || fits(value) || Array.isArray(value) && value.every(fits)) return;
  throw new TypeError(`Cannot use the option cors: its ${name} can't be sent`);
}

/** @throws {TypeError} if the options contradict themselves, or can't be honoured. */
export function checkCors(options: CorsOptions): void {
  if (typeof options !== "object" || options === null || Symbol.iterator in options) {
    throw new TypeError("Cannot use the option cors: it is not an object");
  }
  const { preflightContinue, ...own } = options as CorsOptions & { preflightContinue?: boolean };
  if (preflightContinue) {
    throw new TypeError(
      "Cannot use the option cors: preflightContinue is not supported; the engine answers preflights",
    );
  }
  // Without the name that it was meant for, a rule for one origin would let in all.
  checkOptionNames("Cannot use the option cors", own, OPTIONS);
  flag("cors.credentials", options.credentials, false);
  for (const name of ["methods", "allowedHeaders", "headers", "exposedHeaders"] as const) {
    checkList(name, options[name]);
  }
  const { maxAge = 0, optionsSuccessStatus: status = 204 } = options;
  if (typeof maxAge === "string" ? !/^\d+$/.test(maxAge) : !Number.isFinite(maxAge)) {
    throw new TypeError("Cannot use the option cors: its maxAge is no number of seconds");
  }
  if (!Number.isInteger(status) || status < 200 || status > 299) {
    throw new RangeError("Cannot use the option cors: its optionsSuccessStatus is none of success");
  }
  const { origin = "*" } = options;
  if (typeof origin !== "function" && !isAnswer(origin)) {
    throw new TypeError(
      "Cannot use the option cors: origin is neither true, false, a text, a pattern, a list of these nor a function",
    );
  }
  if (options.credentials && isStar(origin)) {
    throw new TypeError(
      'Cannot use the option cors: credentials are not possible with the origin "*"; name the origins',
    );
  }
}

function list(value: string | readonly string[]): string {
  return typeof value === "string" ? value : value.join(",");
}

function matches(rule: string | RegExp, origin: string): boolean {
  if (typeof rule === "string") return rule === origin;
  rule.lastIndex = 0;
  return rule.test(origin);
}

const NOT_CALLED =
  "Cannot tell whether an origin is let in: a function that declares the callback answers by it, and not by the promise that it returns";

/**
 * What a function of the program says to an origin, by what it returns or by its callback: the first answer counts. A function that names the
 * callback may return `true`, or a promise of it, for other reasons, as clients of databases do when they have written: it would let everybody
 * in, so that only its callback answers; a promise of it can but fail, and is taken for a mistake if it comes to an answer without the callback.
 * Of all others what they return is the answer, so that none is waited for in vain; one that finds its callback in `arguments` or gives it a default has to call it before.
 */
function ask(
  rule: Extract<CorsOrigin, CallableFunction>,
  origin: string | undefined,
  turn: () => Promise<void>,
): Promise<CorsOriginAnswer | OriginRefusal> {
  return new Promise((resolve, reject) => {
    let called = false;
    const result = rule(origin, (error, answer) => {
      called = true;
      if (error) return resolve(new OriginRefusal(error));
      const checked = Promise.resolve(answer).then(checkAnswer);
      checked.catch(() => {}); // It may be a second answer, which nobody looks at.
      resolve(checked);
    });
    if (rule.length < 2) Promise.resolve(result).then(checkAnswer).then(resolve, reject);
    else if (isThenable(result)) {
      Promise.resolve(result).then((answer) => {
        // An empty list is what a promise of all comes to that had nothing to do.
        if (called || !isAnswer(answer) || (Array.isArray(answer) && answer.length === 0)) return;
        // Whoever means that for the answer would wait for ever. Where it is none, the callback has its turn before.
        turn().then(() => called || reject(new TypeError(NOT_CALLED)));
      }, reject);
    }
  });
}

async function decide(
  rule: CorsOrigin,
  origin: string | undefined,
  turn: () => Promise<void>,
): Promise<{ allowed: boolean; header: string | undefined; error?: unknown }> {
  const found = typeof rule === "function" ? await ask(rule, origin, turn) : rule;
  if (found instanceof OriginRefusal) {
    return { allowed: false, header: undefined, error: found.error };
  }
  if (isStar(found)) return { allowed: true, header: "*" };
  if (origin === undefined) return { allowed: true, header: undefined };
  const rules = Array.isArray(found) ? found : [found];
  const allowed = rules.some((one) => typeof one === "boolean" ? one : matches(one, origin));
  return { allowed, header: allowed ? origin : undefined };
}

/** What the rules say to a request. `preflight` is set for a request by `OPTIONS`; `turn` waits for a turn of the event loop. */
export async function answerCors(
  options: CorsOptions,
  headers: EngineHeaders,
  preflight: boolean,
  turn: () => Promise<void>,
): Promise<CorsAnswer> {
  const origin = typeof headers.origin === "string" ? headers.origin : undefined;
  const { allowed, header, error } = await decide(options.origin ?? "*", origin, turn);
  const lines: [string, string][] = [];
  if (header !== "*") lines.push(["Vary", "Origin"]);
  if (header === undefined) return { allowed, headers: lines, error };
  lines.push(["Access-Control-Allow-Origin", header]);
  if (options.credentials && header !== "*") {
    lines.push(["Access-Control-Allow-Credentials", "true"]);
  }
  if (!preflight) {
    if (options.exposedHeaders !== undefined) {
      lines.push(["Access-Control-Expose-Headers", list(options.exposedHeaders)]);
    }
    return { allowed, headers: lines };
  }
  lines.push(["Access-Control-Allow-Methods", list(options.methods ?? ["GET", "POST"])]);
  const asked = headers["access-control-request-headers"];
  const allowedHeaders = options.allowedHeaders ?? options.headers;
  const names = allowedHeaders !== undefined
    ? list(allowedHeaders)
    : typeof asked === "string"
    ? asked
    : "";
  if (names !== "") lines.push(["Access-Control-Allow-Headers", names]);
  if (options.maxAge !== undefined) lines.push(["Access-Control-Max-Age", String(options.maxAge)]);
  return { allowed, headers: lines };
}
