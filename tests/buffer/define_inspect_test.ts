import { assertEquals } from "@std/assert";
import { inspect } from "node:util";
import { ByteBuffer } from "../../buffer/byte_buffer.ts";
import { ByteQueue } from "../../buffer/byte_queue.ts";
import { ByteReader } from "../../buffer/byte_reader.ts";
import { defineInspect } from "../../buffer/define_inspect.ts";

class Account {
  readonly password = "secret";
  readonly #name: string;
  readonly #places: unknown;
  constructor(name: string, places?: unknown) {
    this.#name = name;
    this.#places = places;
  }
  static {
    defineInspect(Account, (account) => ({ name: account.#name, places: account.#places }));
  }
}

Deno.test("define inspect shows what is told of an object, and nothing of its fields", () => {
  const ann = new Account("ann");
  assertEquals(Deno.inspect(ann), 'Account { name: "ann" }');
  assertEquals(inspect(ann), "Account { name: 'ann' }");
  assertEquals(Deno.inspect([{ ann }]), '[ { ann: Account { name: "ann" } } ]');
  assertEquals(Deno.inspect(ann, { colors: true }), 'Account { name: \x1b[32m"ann"\x1b[39m }');
  assertEquals(Object.keys(Account.prototype), []);
  for (const key in ann) assertEquals(key, "password");
});

Deno.test("define inspect shows a class that extends by its own name, also where it describes itself", () => {
  class Robot extends Account {}
  assertEquals(Deno.inspect(new Robot("bob")), 'Robot { name: "bob" }');
  assertEquals(Deno.inspect(new (class extends Account {})("bob")), 'Account { name: "bob" }');
  class Admin extends Account {
    static {
      defineInspect(Admin, ({ password }) => ({ letters: password.length }));
    }
  }
  assertEquals(Deno.inspect(new Admin("cat")), "Admin { letters: 6 }");
  const shown = { prototype: Robot.prototype, name: "Machine" };
  defineInspect(shown, () => ({}));
  assertEquals(Deno.inspect(new Robot("bob")), "Machine {}");
});

Deno.test("define inspect shows ten items of a list, and an object without a prototype as any other", () => {
  const places = Array.from({ length: 12 }, (_, i) => i);
  const shown = Deno.inspect(new Account("ann", places)).replaceAll(/\s+/g, " ");
  assertEquals(
    shown,
    'Account { name: "ann", places: [ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 2 more items ] }',
  );
  const bare = Object.assign(Object.create(null), { port: 1 });
  assertEquals(
    Deno.inspect(new Account("ann", bare)),
    'Account { name: "ann", places: { port: 1 } }',
  );
});

Deno.test("define inspect shows the name alone of what can't be described, and throws nothing", () => {
  assertEquals(Deno.inspect(Account.prototype), "Account {}");
  assertEquals(Deno.inspect(Object.create(Account.prototype)), "Account {}");
  class Silent extends Account {}
  defineInspect(Silent, () => {
    throw new Error("not to be seen");
  });
  assertEquals(Deno.inspect([new Silent("ann")]), "[ Silent {} ]");
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assertEquals(Deno.inspect(new Account("ann", proxy)), "Account {}");
  class Nameless extends Account {}
  Object.defineProperty(Nameless.prototype, "constructor", { value: undefined });
  assertEquals(Deno.inspect(new Nameless("ann")), "Account {}");
  const ann = new Account("ann");
  Object.defineProperty(ann, "constructor", { value: undefined });
  assertEquals(Deno.inspect(ann), 'Account { name: "ann" }');
});

Deno.test("define inspect shows an object inside itself once, and no deeper than the option says", () => {
  class Person {
    friend: unknown;
    static {
      defineInspect(Person, ({ friend }) => ({ friend, list: [friend] }));
    }
  }
  const [ann, bob] = [new Person(), new Person()];
  ann.friend = bob;
  bob.friend = ann;
  const inner = "Person { friend: [Circular], list: [ [Circular] ] }";
  const shown = `Person { friend: ${inner}, list: [ ${inner} ] }`;
  for (const text of [Deno.inspect(ann), inspect(ann), Deno.inspect(ann, { depth: Infinity })]) {
    assertEquals(text.replaceAll(/\s+/g, " "), shown);
  }
  // It is shown in full the next time.
  assertEquals(Deno.inspect([ann, ann]).replaceAll(/\s+/g, " "), `[ ${shown}, ${shown} ]`);
  let chain = new Account("0");
  for (let i = 1; i < 100; i++) chain = new Account(`${i}`, chain);
  const names = Deno.inspect(chain, { depth: 1 }).match(/"\d+"/g);
  assertEquals(names, ['"99"', '"98"']);
  assertEquals(Deno.inspect(new Account("ann"), { depth: 0 }), 'Account { name: "ann" }');
});

Deno.test("define inspect shows the length, the position and the next bytes of buffers", () => {
  const reader = new ByteReader(Uint8Array.from({ length: 20 }, (_, i) => i));
  assertEquals(
    Deno.inspect(reader),
    `ByteReader {
  length: 20,
  position: 0,
  unread: "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f …",
  encoding: "utf8",
  byteOrder: "network"
}`,
  );
  reader.skip(4);
  assertEquals(
    Deno.inspect(reader).split("\n")[3],
    '  unread: "04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13",',
  );
  const buffer = new ByteBuffer("latin1", "little").writeText("hello");
  assertEquals(
    Deno.inspect(buffer),
    `ByteBuffer {
  length: 5,
  position: 0,
  unread: "68 65 6c 6c 6f",
  encoding: "latin1",
  byteOrder: "little"
}`,
  );
  assertEquals(buffer.available, 5);
  for (const Class of [ByteReader, ByteBuffer, ByteQueue]) {
    // A class that extends and does not describe itself shows the name of the one that does.
    const name = Class === ByteQueue ? "ByteQueue" : "ByteReader";
    assertEquals(Deno.inspect(Class.prototype), `${name} {}`);
  }
  const queue = new ByteQueue({ maxBytes: 100 });
  queue.push(new Uint8Array(7));
  assertEquals(Deno.inspect(queue), "ByteQueue { length: 7, chunks: 1, maxBytes: 100 }");
});
