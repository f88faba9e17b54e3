import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Socks5Session, Socks5Settings } from "../../net/_socks5_session.ts";
import { NetError, type NetErrorCode } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { socks5Connect, type Socks5ConnectOptions } from "../../net/socks5.ts";
import type { Socks5Authorization, Socks5ServerOptions } from "../../net/socks5_server_options.ts";
import type { Transport } from "../../net/transport.ts";
import { hex, join, text, utf8 } from "../_support/framing.ts";
import { readBytes } from "../_support/transport_io.ts";

const TARGET = { hostname: "example.org", port: 443 };

/** A session over a pair, and what became of it. */
function start(options: Socks5ServerOptions): {
  client: Transport;
  session: Socks5Session;
  ended: Promise<unknown>;
} {
  const [client, server] = pair();
  const settings = new Socks5Settings(options);
  const session = new Socks5Session(server, { address: server.remoteAddr }, settings);
  const ended = session.run().then(() => undefined, (error) => error);
  return { client, session, ended };
}

/** Connects through a session, and ends it. */
async function attempt(
  options: Socks5ServerOptions,
  connect: Socks5ConnectOptions = {},
): Promise<{ error: ProxyError; ended: unknown }> {
  const { client, ended } = start(options);
  const error = await assertRejects(() => socks5Connect(client, TARGET, connect), ProxyError);
  return { error, ended: await ended };
}

Deno.test("SOCKS5 session asks its hooks, dials and relays", async () => {
  const asked: (Socks5Authorization | string)[] = [];
  const [target, outgoing] = pair();
  const { client, ended } = start({
    authenticate: ({ username, password }, { address }) => {
      asked.push(`${username} ${password} ${address.transport}`);
      return Promise.resolve(true);
    },
    authorize: (request) => {
      asked.push(request);
      return true;
    },
    dial: ({ hostname, port }) => {
      asked.push(`${hostname} ${port}`);
      return Promise.resolve(outgoing);
    },
  });
  await socks5Connect(client, TARGET, { username: "u", password: "p" });
  const { address, ...request } = asked[1] as Socks5Authorization;
  assertEquals([asked[0], request, address.transport, asked[2]], [
    "u p memory",
    { username: "u", command: "connect", ...TARGET },
    "memory",
    "example.org 443",
  ]);
  await client.write(utf8("ping"));
  const buffer = new Uint8Array(9);
  assertEquals(text(buffer.subarray(0, (await target.read(buffer))!)), "ping");
  await target.closeWrite();
  await client.closeWrite();
  assertEquals(await ended, undefined);
  client.close();
  target.close();
});

Deno.test("SOCKS5 session turns away wrong credentials and hooks that do not say true", async () => {
  const never = (): Promise<Transport> => Promise.reject(new Error("must not be called"));
  const login = { username: "u", password: "p" };
  for (const answer of [false, undefined, 1, "yes"]) {
    const authenticate = () => answer as boolean;
    const { error, ended } = await attempt({ authenticate, dial: never }, login);
    assertEquals([error.code, (ended as NetError).code], ["ERR_PROXY_AUTH", "ERR_PROXY_AUTH"]);
    const authorize = () => answer as boolean;
    assertEquals((await attempt({ authorize, dial: never })).error.code, "EACCES");
  }
  // Without a login where one is due, and with one where there is none to be had.
  assertEquals((await attempt({ authenticate: () => true })).error.code, "ERR_PROXY_AUTH");
});

Deno.test("SOCKS5 session survives hooks that throw, and tells the client a failure", async () => {
  const boom = (): never => {
    throw new Error("boom");
  };
  for (const options of [{ authorize: boom }, { dial: boom }]) {
    const { error, ended } = await attempt(options);
    assertEquals([error.code, (ended as Error).message], ["ERR_PROXY_REFUSED", "boom"]);
  }
  const { client, ended } = start({ authenticate: boom });
  await assertRejects(() => socks5Connect(client, TARGET, { username: "u" }), NetError);
  assertEquals((await ended as Error).message, "boom");
});

Deno.test("SOCKS5 session tells why it could not connect", async () => {
  const replies: [NetErrorCode, number][] = [
    ["ERR_DIAL_POLICY", 2],
    ["EACCES", 2],
    ["ENETDOWN", 3],
    ["ENETUNREACH", 3],
    ["EHOSTUNREACH", 4],
    ["ENOTFOUND", 4],
    ["ETIMEDOUT", 4],
    ["ECONNREFUSED", 5],
    ["EAFNOSUPPORT", 8],
    ["EIO", 1],
  ];
  for (const [code, reply] of replies) {
    const dial = () => Promise.reject(new NetError("x", { code }));
    assertEquals((await attempt({ dial })).error.reply, reply, code);
  }
});

Deno.test("SOCKS5 session keeps its policy, for names by what they resolve to", async () => {
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  assertEquals((await attempt({ policy: "public", lookup })).error.code, "EACCES");
  const { client, ended } = start({ policy: "public" });
  await assertRejects(
    () => socks5Connect(client, { hostname: "0x7f.1", port: 1 }),
    ProxyError,
    "rules",
  );
  assertEquals((await ended as NetError).code, "ERR_DIAL_POLICY");
});

Deno.test("SOCKS5 session does not do what it was not asked to have", async () => {
  for (const [command, reply] of [["03", 7], ["02", 7]]) {
    const { client, ended } = start({});
    await client.write(hex(`050100 05${command}0001 00000000 0000`));
    const buffer = new Uint8Array(20);
    let seen = 0;
    while (seen < 4) seen += (await client.read(buffer.subarray(seen)))!;
    assertEquals(buffer[3], reply);
    await ended;
    client.close();
  }
  // Datagrams need addresses, which a pair in memory has not.
  const { client, ended } = start({ udp: true });
  await client.write(hex(`050100 05030001 00000000 0000`));
  await ended;
  const buffer = new Uint8Array(20);
  await client.read(buffer);
  assertEquals(buffer[3], 1);
  client.close();
});

Deno.test("SOCKS5 session ends with a client that is too slow, counted from its start", async () => {
  const { client, ended } = start({ handshakeTimeout: 40 });
  let open = true;
  ended.then(() => open = false);
  for (let i = 0; open && i < 200; i++) {
    await client.write(hex(i === 0 ? "05ff" : "00")).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals((await ended as NetError).code, "ETIMEDOUT");
  client.close();

  const login = start({ handshakeTimeout: 20, authenticate: () => new Promise(() => {}) });
  await assertRejects(() => socks5Connect(login.client, TARGET, { username: "u" }), NetError);
  assertEquals((await login.ended as NetError).code, "ETIMEDOUT");
});

Deno.test("SOCKS5 session gives up a connection that takes too long, and closes what comes late", async () => {
  const dialled = Promise.withResolvers<Transport>();
  let signal: AbortSignal | undefined;
  const { error, ended } = await attempt({
    connectTimeout: 20,
    dial: (_, options) => {
      signal = options.signal;
      return dialled.promise;
    },
  });
  assertEquals([error.reply, (ended as NetError).code, signal?.aborted], [4, "ETIMEDOUT", true]);
  const [target, outgoing] = pair();
  dialled.resolve(outgoing);
  await assertRejects(async () => {
    while (await target.write(hex("00")) > 0);
  });
  target.close();
  const authorize = () => new Promise<boolean>(() => {});
  assertEquals((await attempt({ connectTimeout: 20, authorize })).error.reply, 4);
});

Deno.test("SOCKS5 session closes the connection when the client is gone at the answer", async () => {
  const [target, outgoing] = pair();
  const { client, ended } = start({
    dial: () => {
      client.close();
      return Promise.resolve(outgoing);
    },
  });
  await assertRejects(() => socks5Connect(client, TARGET));
  assert(await ended instanceof Error);
  await assertRejects(async () => {
    while (await target.write(hex("00")) > 0);
  });
  target.close();
});

Deno.test("SOCKS5 session ends with a client that leaves before its answer", async () => {
  const forever = <T>(): Promise<T> => new Promise(() => {});
  const cases: Socks5ServerOptions[] = [
    { authorize: () => forever() },
    { dial: () => forever() },
  ];
  for (const options of cases) {
    for (const leave of ["close", "closeWrite"] as const) {
      // No deadline: it ends with the client, or never.
      const { client, ended } = start({ ...options, connectTimeout: 0 });
      await client.write(hex("050100 05010001 01020304 0050"));
      await readBytes(client, 2);
      await client[leave]();
      const error = await ended as NetError;
      assertEquals([error.code, error.message], [
        "ECONNRESET",
        "Cannot serve SOCKS5 client: it left before its answer",
      ]);
      if (leave === "closeWrite") {
        assertEquals((await readBytes(client, 2))[1], 1);
        client.close();
      }
    }
  }
});

Deno.test("SOCKS5 session has its hooks give up for a client that leaves", async () => {
  const given = Promise.withResolvers<AbortSignal>();
  const dialled = Promise.withResolvers<Transport>();
  const { client, ended } = start({
    dial: (_, { signal }) => {
      given.resolve(signal);
      return dialled.promise;
    },
  });
  await client.write(hex("050100 05010001 01020304 0050"));
  const signal = await given.promise;
  client.close();
  await ended;
  assertEquals(signal.aborted, true);
  const [target, outgoing] = pair();
  dialled.resolve(outgoing);
  await assertRejects(async () => {
    while (await target.write(hex("00")) > 0);
  });
  target.close();
});

Deno.test("SOCKS5 session passes on what a client sends, and its end, before it has its answer", async () => {
  const [target, outgoing] = pair();
  const dialled = Promise.withResolvers<Transport>();
  const { client, ended } = start({ dial: () => dialled.promise });
  const early = new Uint8Array(2000).map((_, i) => i % 251);
  await client.write(join([hex("050100 05010001 01020304 0050"), early]));
  await client.closeWrite();
  await readBytes(client, 2);
  dialled.resolve(outgoing);
  assertEquals(await readBytes(target, early.length), early);
  assertEquals(await target.read(new Uint8Array(1)), null);
  await target.write(utf8("answer"));
  await target.closeWrite();
  assertEquals(text((await readBytes(client, 10 + 6)).subarray(10)), "answer");
  assertEquals(await ended, undefined);
  client.close();
  target.close();
});

Deno.test("SOCKS5 session is aborted in every phase", async () => {
  const first = start({});
  first.session.abort();
  assertEquals((await first.ended as NetError).code, "ABORT_ERR");
  first.client.close();

  const dialling = start({ dial: () => new Promise(() => {}) });
  await dialling.client.write(hex("050100 050100010102030400 50"));
  const buffer = new Uint8Array(2);
  await dialling.client.read(buffer);
  dialling.session.abort();
  assertEquals((await dialling.ended as NetError).code, "ABORT_ERR");
  dialling.client.close();

  const [target, outgoing] = pair();
  const relaying = start({ dial: () => Promise.resolve(outgoing) });
  await socks5Connect(relaying.client, TARGET);
  relaying.session.abort();
  assertEquals((await relaying.ended as NetError).code, "ABORT_ERR");
  relaying.client.close();
  target.close();
});

Deno.test("SOCKS5 settings refuse what makes no sense", () => {
  for (
    const options of [
      { maxConnections: 0 },
      { maxDestinations: NaN },
      { handshakeTimeout: -1 },
      {
        connectTimeout: -1,
      },
      { idleTimeout: -1 },
      { idleTimeout: 2 ** 31 },
      { connectTimeout: 2 ** 31 },
    ]
  ) {
    assertThrows(() => new Socks5Settings(options), RangeError);
  }
  assertEquals(new Socks5Settings({ idleTimeout: Infinity }).idleTimeout, 0);
  const dial = () => Promise.reject(new Error("unused"));
  assertThrows(() => new Socks5Settings({ dial, policy: "public" }), TypeError);
  assertThrows(() => new Socks5Settings({ dial, lookup: () => Promise.resolve([]) }), TypeError);
  assertThrows(() => new Socks5Settings({ policy: { allow: ["x y"] } }), TypeError);
  assertEquals(new Socks5Settings({ dial, policy: "public", udp: true }).maxConnections, 1024);
});

Deno.test("SOCKS5 server with a login by another name, or hooks that can't be called, is refused: it would let everybody in", () => {
  for (const name of ["username", "password", "auth"]) {
    assertThrows(() => new Socks5Settings({ [name]: "x" }), TypeError, "authenticate");
  }
  for (const name of ["authenticate", "authorize", "dial", "lookup", "onerror"]) {
    for (const value of [null, "x", 5, {}, true]) {
      assertThrows(() => new Socks5Settings({ [name]: value }), TypeError, name);
    }
  }
  assertThrows(() => new Socks5Settings({ maxConnections: "5" as never }), RangeError);
});

Deno.test("SOCKS5 server refuses options that it does not have: a misspelt hook would let everybody in", () => {
  const refuse = (options: object, text: string): void => {
    const error = assertThrows(() => new Socks5Settings(options), TypeError, text);
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  };
  refuse({ authorise: () => false }, "there is no option `authorise`");
  refuse({ onAuthenticate: () => false }, "there is no option `onAuthenticate`");
  refuse({ maxconnections: 1 }, "there is no option `maxconnections`, but `maxConnections`");
  refuse({ hostname: "::1" }, "`hostname` goes to `listen()`");
  assertEquals(new Socks5Settings({ policy: undefined, udp: false }).policy, undefined);
});
