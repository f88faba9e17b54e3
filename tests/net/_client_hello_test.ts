import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { connect } from "node:tls";
import { ClientHelloReader } from "../../net/_client_hello.ts";
import { TransportDuplex } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";

/** A record of the handshake's layer, or of another. */
function record(payload: readonly number[], type = 22): number[] {
  return [type, 3, 1, payload.length >> 8, payload.length & 255, ...payload];
}

function sized(bytes: readonly number[], width: number): number[] {
  const size = Array.from({ length: width }, (_, i) => bytes.length >> 8 * (width - 1 - i) & 255);
  return [...size, ...bytes];
}

function extension(type: number, data: readonly number[]): number[] {
  return [type >> 8, type & 255, ...sized(data, 2)];
}

function serverName(name: string): number[] {
  const bytes = [...new TextEncoder().encode(name)];
  return extension(0, sized([0, ...sized(bytes, 2)], 2));
}

function hello(extensions: readonly number[] | undefined): number[] {
  const body = [3, 3, ...new Array(32).fill(7), ...sized(new Array(32).fill(1), 1)];
  body.push(...sized([0x13, 1, 0x13, 2], 2), ...sized([0], 1));
  if (extensions !== undefined) body.push(...sized(extensions, 2));
  return [1, ...sized(body, 3)];
}

function read(bytes: readonly number[], size = bytes.length): [done: boolean, name?: string] {
  const reader = new ClientHelloReader();
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(Uint8Array.from(bytes.slice(at, at + size)));
  }
  assertEquals([...reader.bytes()], [...bytes]);
  return [reader.done, reader.servername];
}

/** A hello without extensions, and bytes behind them that would be some. */
function outside(extensions: readonly number[]): number[] {
  const empty = hello([]);
  return [1, ...sized([...empty.slice(4), ...extensions], 3)];
}

const OTHERS = [...extension(16, sized(sized([104, 50], 1), 2)), ...extension(65_281, [0])];

Deno.test("client hello tells its name, whatever the pieces and the records", () => {
  const message = hello([...OTHERS, ...serverName("a.Example.com"), ...OTHERS]);
  const records = [...record(message.slice(0, 3)), ...record(message.slice(3, 70))]
    .concat(record(message.slice(70)));
  for (const bytes of [record(message), records, [...record(message), ...record([1], 23)]]) {
    for (const size of [1, 2, 5, 6, 100, bytes.length]) {
      assertEquals(read(bytes, size), [true, "a.Example.com"]);
    }
  }
});

Deno.test("client hello tells a name that is its only extension, and its last", () => {
  for (const before of [[], OTHERS]) {
    const message = hello([...before, ...serverName("a.b")]);
    assertEquals(read(record(message)), [true, "a.b"]);
  }
});

Deno.test("client hello of node:tls tells its name", async () => {
  for (const name of ["a.example.com", ""]) {
    const [a, b] = pair();
    const client = connect({ socket: new TransportDuplex(a) as never, servername: name });
    client.on("error", () => {});
    const reader = new ClientHelloReader();
    const buffer = new Uint8Array(100);
    while (!reader.done) reader.push(buffer.slice(0, (await b.read(buffer))!));
    assertEquals(reader.servername, name || undefined);
    client.destroy();
    b.close();
  }
});

const NAMELESS: Array<[what: string, bytes: number[], done: boolean]> = [
  ["nothing", [], false],
  ["without extensions", record(hello(undefined)), true],
  ["without a name", record(hello(OTHERS)), true],
  ["that is not whole", record(hello(serverName("a.b"))).slice(0, -1), false],
  ["with an empty name", record(hello(serverName(""))), true],
  ["with a space in its name", record(hello(serverName("a b"))), true],
  ["with a name of 256 bytes", record(hello(serverName("x".repeat(256)))), true],
  ["with a name of another type", record(hello(extension(0, sized([1, 0, 1, 97], 2)))), true],
  ["whose name ends outside", record(hello(extension(0, [0, 4, 0, 0, 9, 97]))), true],
  ["whose extensions end outside", record(hello([0, 0, 255, 255, 0])), true],
  ["whose parts end outside", record([1, 0, 0, 36, 3, 3, ...new Array(34).fill(255)]), true],
  ["of length 0", record([1, 0, 0, 0]), true],
  ["that is HTTP", [...new TextEncoder().encode("GET / HTTP/1.1\r\n")], true],
  ["that is an alert", record([2, 40], 21), true],
  ["of SSL 2", [0x80, 0x2e, 1, 3, 1], true],
  ["of another version", [22, 2, 0], true],
  ["that is a server's", record([2, 0, 0, 1, 0]), true],
  ["with an empty record", record([]), true],
  ["with a record too long", [22, 3, 1, 0x40, 1], true],
  ["too long", record([1, 1, 0, 0]), true],
  ["too long that has a name", record(hello(serverName("a.b")).with(1, 1)), true],
  ["with a name behind its extensions", record(outside(serverName("a.b"))), true],
];

for (const [what, bytes, done] of NAMELESS) {
  Deno.test(`client hello ${what} tells no name`, () => {
    for (const size of [1, 3, 1000]) assertEquals(read(bytes, size), [done, undefined]);
  });
}

Deno.test("client hello that grows without end is given up", () => {
  const reader = new ClientHelloReader();
  const part = Uint8Array.from(record([1, 0, 255, 0, ...new Array(10_000).fill(0)]));
  reader.push(part);
  const more = Uint8Array.from(record(new Array(1000).fill(0)));
  for (let i = 0; i < 60 && !reader.done; i++) reader.push(more);
  assert(reader.done && reader.servername === undefined);
});

Deno.test("client hello of any bytes is done once, and never throws", () => {
  const message = record(hello([...OTHERS, ...serverName("a.example.com")]));
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { maxLength: 5 }),
    fc.integer({ min: 1, max: 300 }),
    (changes, size) => {
      const bytes = [...message];
      for (const [at, byte] of changes) bytes[at] = byte;
      assertEquals(read(bytes, size), read(bytes));
    },
  ));
});
