// Floor 0: vocabulary.

/** What shows a value: `Deno.inspect`, with the options that came. */
type Inspect = (value: unknown, options: InspectOptions) => string;

/** The part of the options that counts here. */
interface InspectOptions {
  depth?: number | null;
}

/** How much of a list is shown. */
const MAX_ITEMS = 10;

/** What is being shown: what tells of itself again, by whatever way, would have no end. */
const open = new Set<object>();

/**
 * Has `console.log` and `Deno.inspect` show the objects of a class, and of those that extend it, by what `describe` tells of them and
 * not by their fields: values that are undefined are left out, and of lists the first ten are shown. An object inside itself is shown as
 * `[Circular]`, and one deeper than the option `depth` by its name. Where `describe` throws, the name of the class is all that is
 * shown. It is asked whenever somebody looks, so it must have no effect, and tell no secret.
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
  function show(this: T, inspect: Inspect, options: InspectOptions): string {
    if (open.has(this)) return "[Circular]";
    open.add(this);
    try {
      const facts = Object.entries(describe(this)).filter(([, fact]) => fact !== undefined)
        .map(([key, fact]) => [key, plain(fact)]);
      const own = Object.getPrototypeOf(this) === prototype ? "" : this.constructor.name;
      const { depth } = options;
      const inner = {
        ...options,
        // Depth counts from its own top again.
        depth: typeof depth === "number" && open.size > 1 ? depth - 1 : depth,
        iterableLimit: MAX_ITEMS,
      };
      return `${own || name} ${inspect(Object.fromEntries(facts), inner)}`;
    } catch {
      // The prototype itself, for one, has no values.
      return `${name} {}`;
    } finally {
      open.delete(this);
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
