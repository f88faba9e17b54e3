// Floor 1: codec.
/** A number above 0, and its default for `undefined`. @throws {RangeError} For everything else: of two texts, the sum would be a text. */
export function positive(
  name: string,
  value: number | undefined,
  fallback: number,
  max = Infinity,
): number {
  return inRange(name, value, fallback, Number.MIN_VALUE, max);
}

/** A number of at least `min`, and its default for `undefined`. @throws {RangeError} For everything else. */
export function inRange(
  name: string,
  value: number | undefined,
  fallback: number,
  min = 0,
  max = Infinity,
): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= min && value <= max) return value;
  const shown = typeof value === "number" ? value : `of the type ${typeof value}`;
  throw new RangeError(`Cannot use the option ${name}: ${shown} is out of range`);
}

/** Either of two, and its default for `undefined` and `null`. @throws {TypeError} For everything else: the text "false" is no `false`. */
export function flag(name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (typeof (value ?? fallback) === "boolean") return value ?? fallback;
  throw new TypeError(`Cannot use the option ${name}: it is neither true nor false`);
}

/** @throws {TypeError} For what is given, and can't be called. */
export function checkCallable(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(`Cannot use the option ${name}: it is not a function`);
}

/** @throws {TypeError} For what is given, and is no codec. */
export function checkParser(parser: unknown): void {
  if (parser === undefined || parser === null) return;
  const { Encoder, Decoder } = parser as Record<string, unknown>;
  if (typeof Encoder === "function" && typeof Decoder === "function") return;
  throw new TypeError("Cannot use the option parser: it has no Encoder and Decoder");
}

/** @throws {TypeError} For what is given, and has no names of its own, as a text, a list, `Headers` or a Map. */
export function checkRecord(name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (typeof value === "object" && !(Symbol.iterator in value)) return;
  throw new TypeError(`Cannot use the option ${name}: it is no plain object`);
}

/** @throws {TypeError} For a path that is no text. */
export function checkPath(path: unknown): void {
  if (path === undefined || path === null || typeof path === "string") return;
  throw new TypeError("Cannot use the option path: it is not a text");
}

/** @throws {TypeError} For what is no list of transports that there are. */
export function checkTransports(transports: readonly string[]): void {
  if (!Array.isArray(transports)) {
    throw new TypeError("Cannot use the option transports: it is no list");
  }
  for (const name of transports) {
    if (name !== "polling" && name !== "websocket") {
      throw new TypeError(`Cannot use the transport "${name}": it is not known`);
    }
  }
  if (transports.length === 0) {
    throw new TypeError("Cannot use the option transports: it is empty");
  }
}
