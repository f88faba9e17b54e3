import { assertThrows } from "@std/assert";
import {
  FOREIGN_CLIENT_OPTIONS,
  FOREIGN_COMPRESSION_OPTIONS,
  FOREIGN_SERVER_OPTIONS,
  refuseForeign,
} from "../../socketio/_foreign_options.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoEngine, type SocketIoListenOptions } from "../../socketio/engine.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import type { AdapterNamespace } from "../../socketio/types.ts";
import { InMemoryAdapter } from "../../socketio/in_memory_adapter.ts";

/** What asks for something, whatever the option is; only `rejectUnauthorized` does so by `false`. */
const asked = (name: string) => ({ [name]: name !== "rejectUnauthorized" && { threshold: 1 } });

Deno.test("a client refuses every option of npm's that is not here, and says what to use", () => {
  for (const name of Object.keys(FOREIGN_CLIENT_OPTIONS)) {
    const options = { autoConnect: false, ...asked(name) };
    assertThrows(() => connectSocketIo("http://127.0.0.1:1/", options), TypeError, name);
  }
});

Deno.test("a server refuses every option of npm's that is not here, and those of listen(), before it makes an adapter", () => {
  let made = 0;
  const adapter = (namespace: AdapterNamespace) => {
    made++;
    return new InMemoryAdapter(namespace);
  };
  for (const name of Object.keys(FOREIGN_SERVER_OPTIONS)) {
    assertThrows(() => new SocketIoServer({ adapter, ...asked(name) }), TypeError, name);
  }
  for (const name of Object.keys(FOREIGN_COMPRESSION_OPTIONS)) {
    const httpCompression = { threshold: 1, ...asked(name) };
    assertThrows(() => new SocketIoServer({ adapter, httpCompression }), TypeError, name);
  }
  if (made > 0) throw new Error("an adapter was made");
});

Deno.test("a server and an engine refuse all that belongs to a port", () => {
  // By a type that has them all: one that is missing here does not compile.
  const ofListen: Record<Exclude<keyof SocketIoListenOptions, "path">, true> = {
    port: true,
    hostname: true,
    tls: true,
    proxyProtocol: true,
    handler: true,
    headTimeout: true,
    requestTimeout: true,
    keepAliveTimeout: true,
    maxWaiting: true,
    maxConnectionsPerAddress: true,
    ipv6PrefixLength: true,
    acceptRate: true,
    allowList: true,
    blockList: true,
    onDrop: true,
  };
  for (const name of Object.keys(ofListen)) {
    for (const Made of [SocketIoServer, SocketIoEngine]) {
      assertThrows(() => new Made({ [name]: {} }), TypeError, `${name}: it goes to listen()`);
    }
  }
});

Deno.test("foreign options that ask for nothing, and names that nobody knows, are passed over", () => {
  for (const value of [undefined, null, false, 0, "", []]) {
    refuseForeign(
      { agent: value, requestTimeout: value, protocols: value },
      FOREIGN_CLIENT_OPTIONS,
    );
    refuseForeign({ allowEIO3: value }, FOREIGN_SERVER_OPTIONS);
  }
  refuseForeign({ rejectUnauthorized: true }, FOREIGN_CLIENT_OPTIONS);
  // What npm's client does by itself may be said.
  refuseForeign(
    { timestampRequests: true, timestampParam: "t", protocolVersion: 13, transportOptions: {} },
    FOREIGN_CLIENT_OPTIONS,
  );
  refuseForeign({ perMessageDeflate: { threshold: 1024 } }, FOREIGN_CLIENT_OPTIONS);
  for (
    const other of [
      { perMessageDeflate: true },
      { perMessageDeflate: { threshold: 1024, level: 9 } },
      { timestampParam: "x" },
      { protocolVersion: 8 },
      { protocols: ["x"] },
      { transportOptions: { polling: {} } },
    ]
  ) {
    assertThrows(() => refuseForeign(other, FOREIGN_CLIENT_OPTIONS), TypeError);
  }
  refuseForeign({ rejectUnauthorized: undefined, toString: 1, mine: 1 }, FOREIGN_CLIENT_OPTIONS);
});

Deno.test("options that are spelt in other upper and lower case are refused, with the name that they have", () => {
  const rows: [string, string, (options: object) => void][] = [
    ["pingtimeout", "pingTimeout", (options) => new SocketIoServer(options)],
    ["allowedhosts", "allowedHosts", (options) => new SocketIoServer(options)],
    ["CORS", "cors", (options) => new SocketIoEngine(options)],
    ["maxAttachmentbytes", "maxAttachmentBytes", (options) => new SocketIoServer(options)],
    ["websocket", "WebSocket", (options) => connectSocketIo("http://127.0.0.1:1/", options)],
    ["extraheaders", "extraHeaders", (options) => connectSocketIo("http://127.0.0.1:1/", options)],
  ];
  for (const [name, meant, use] of rows) {
    const message = `there is no option \`${name}\`, but \`${meant}\``;
    assertThrows(() => use({ [name]: 1, autoConnect: false }), TypeError, message);
  }
});
