// Floor 0: vocabulary.

/** What shows a value: `Deno.inspect`, with the options that came. */
type Inspect = (value: unknown, options: object) => string;

/** How much of a list is shown. */
const MAX_ITEMS = 10;

/**
 * Has `console.log` and `Deno.inspect` show the objects of a class, and of those that extend it, by what `describe` tells of them and
 * not by their fields: values that are undefined are left out, and of lists the first ten are shown. Where `describe` throws, the name
 * of the class is all that is shown. It is asked whenever somebody looks, so it must have no effect, and tell no secret.
 *
 * @example
 * ```ts
 * import { defineInspect } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * class Account {
 *   constructor(readonly name: string, readonly password: string) {}
 * }
 * defineInspect(Account, ({ name }) => ({ name }));
 * assertEquals(Deno.inspect(new Account("ann", "secret")), 'Account { name: "ann" }');
 * ```
 */
export function defineInspect<T extends object>(
  { prototype, name }: { readonly prototype: T; readonly name: string },
  describe: (object: T) => Record<string, unknown>,
): void {
  function show(this: T, inspect: Inspect, options: object): string {
    try {
      const facts = Object.entries(describe(this)).filter(([, fact]) => fact !== undefined)
        .map(([key, fact]) => [key, plain(fact)]);
      const own = Object.getPrototypeOf(this) === prototype ? name : this.constructor.name;
      const shown = inspect(Object.fromEntries(facts), { ...options, iterableLimit: MAX_ITEMS });
      return `${own} ${shown}`;
    } catch {
      // The prototype itself, for one, has no values.
      return `${name} {}`;
    }
  }
  // That of Deno's node:util looks for it, too.
  Object.defineProperty(prototype, Symbol.for("Deno.customInspect"), {
    value: show,
    writable: true,
    configurable: true,
  });
}

/** As the addresses of Deno's connections are: without `[Object: null prototype]` in front. */
function plain(fact: unknown): unknown {
  const bare = typeof fact === "object" && fact !== null && Object.getPrototypeOf(fact) === null;
  return bare ? { ...fact } : fact;
}
