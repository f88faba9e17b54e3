import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createServer } from "node:http";
import { pair } from "../../net/pair.ts";
import { SocketIoEngine } from "../../socketio/engine.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { formatExtension, parseExtensions } from "../../websocket/extensions.ts";
import {
  acceptDeflate,
  checkDeflateOptions,
  checkDeflateResponse,
  offerDeflate,
  type PerMessageDeflateOptions,
} from "../../websocket/permessage_deflate.ts";

function accept(offer: string, options: PerMessageDeflateOptions = {}): string | undefined {
  const accepted = acceptDeflate(parseExtensions(offer)!, options);
  return accepted && formatExtension(accepted.response);
}

Deno.test("deflate offer says what the options say", () => {
  assertEquals(formatExtension(offerDeflate()), "permessage-deflate; client_max_window_bits");
  assertEquals(
    formatExtension(offerDeflate({
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 9,
    })),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; " +
      "server_max_window_bits=10; client_max_window_bits=9",
  );
});

Deno.test("deflate offer is accepted with the smaller of both wishes", () => {
  assertEquals(accept("permessage-deflate"), "permessage-deflate");
  assertEquals(accept("permessage-deflate; client_max_window_bits"), "permessage-deflate");
  assertEquals(
    accept("permessage-deflate; server_max_window_bits=9"),
    "permessage-deflate; server_max_window_bits=9",
  );
  assertEquals(
    accept("permessage-deflate; server_max_window_bits=12", { serverMaxWindowBits: 8 }),
    "permessage-deflate; server_max_window_bits=8",
  );
  assertEquals(
    accept("permessage-deflate; client_max_window_bits=12", { clientMaxWindowBits: 14 }),
    "permessage-deflate; client_max_window_bits=12",
  );
  assertEquals(
    accept("permessage-deflate", { serverNoContextTakeover: true, clientNoContextTakeover: true }),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  );
});

Deno.test("deflate offer of another name is none, whatever its parameters", () => {
  for (const other of ["x-webkit-deflate-frame", "permessage-bzip2; client_max_window_bits", "x"]) {
    assertEquals(accept(other), undefined);
    assertEquals(
      accept(`${other}, permessage-deflate; server_max_window_bits=9`),
      "permessage-deflate; server_max_window_bits=9",
    );
  }
});

Deno.test("deflate is declined when the client can't limit its window and the server wants it", () => {
  assertEquals(accept("permessage-deflate", { clientMaxWindowBits: 14 }), undefined);
  assertEquals(
    accept("permessage-deflate, permessage-deflate; client_max_window_bits", {
      clientMaxWindowBits: 14,
    }),
    "permessage-deflate; client_max_window_bits=14",
  );
});

for (
  const params of [
    "server_max_window_bits",
    "server_max_window_bits=0",
    "server_max_window_bits=7",
    "server_max_window_bits=16",
    "server_max_window_bits=99",
    "server_max_window_bits=08",
    "server_max_window_bits=15x",
    "server_max_window_bits=1e1",
    "server_max_window_bits=10; server_max_window_bits=10",
    "client_max_window_bits=7",
    "client_max_window_bits=16",
    "client_max_window_bits; client_max_window_bits=10",
    "server_no_context_takeover=1",
    "server_no_context_takeover; server_no_context_takeover",
    "client_no_context_takeover=x",
    "client_no_context_takeover; client_no_context_takeover",
    "constructor",
    "__proto__=8",
    "toString",
    "unknown=1",
  ]
) {
  Deno.test(`deflate with "${params}" is declined by a server and fails a client`, () => {
    assertEquals(accept(`permessage-deflate; ${params}`), undefined);
    assertEquals(accept(`permessage-deflate; ${params}, permessage-deflate`), "permessage-deflate");
    const [response] = parseExtensions(`permessage-deflate; ${params}`)!;
    assertEquals(typeof checkDeflateResponse(response), "string");
  });
}

Deno.test("deflate answer may not take more than was offered", () => {
  const check = (text: string, options: PerMessageDeflateOptions = {}) =>
    checkDeflateResponse(parseExtensions(`permessage-deflate${text}`)![0], options);
  assertEquals(check("; client_max_window_bits"), "client_max_window_bits has no value");
  assertEquals(typeof check("; client_max_window_bits=12", { clientMaxWindowBits: 11 }), "string");
  assertEquals(typeof check("; server_max_window_bits=12", { serverMaxWindowBits: 11 }), "string");
  assertEquals(typeof check("", { serverMaxWindowBits: 11 }), "string");
  assertEquals(typeof check("", { serverNoContextTakeover: true }), "string");
  assertEquals(check("; server_max_window_bits=10; client_max_window_bits=9"), {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 10,
    clientMaxWindowBits: 9,
  });
});

Deno.test("deflate options out of range are refused", () => {
  for (
    const options of [
      { serverMaxWindowBits: 7 },
      { clientMaxWindowBits: 16 },
      { clientMaxWindowBits: 9.5 },
      { level: 10 },
      { memLevel: 0 },
    ]
  ) assertThrows(() => checkDeflateOptions(options), RangeError);
  assertThrows(() => checkDeflateOptions({ threshold: -1 }), TypeError);
  assertThrows(() => checkDeflateOptions({ threshold: NaN }), TypeError);
});

Deno.test("deflate options that are not known, or of the wrong kind, are refused wherever they are given", async () => {
  const [transport] = pair();
  const everywhere: ((options: PerMessageDeflateOptions) => unknown)[] = [
    checkDeflateOptions,
    (perMessageDeflate) => serveWebSocket({ perMessageDeflate, default: () => {} }),
    (perMessageDeflate) => connectWebSocket("ws://127.0.0.1:1/", { perMessageDeflate }),
    (perMessageDeflate) =>
      attachWebSocket(createServer(), { perMessageDeflate, default: () => {} }),
    (perMessageDeflate) => new SocketIoEngine({ perMessageDeflate }),
    (perMessageDeflate) =>
      new WebSocketConnection(transport, { role: "server", perMessageDeflate }),
  ];
  const wrong: [unknown, string][] = [
    [{ zlibDeflateOptions: { level: 1 } }, "`level`"],
    [{ server_no_context_takeover: true }, "`serverNoContextTakeover`"],
    [{ treshold: 5 }, "`treshold`"],
    [{ serverNoContextTakeover: "no" }, "`serverNoContextTakeover`"],
    [{ clientNoContextTakeover: 1 }, "`clientNoContextTakeover`"],
    [{ threshold: "5" }, "threshold"],
    ["yes", "not an object"],
    [[], "not an object"],
  ];
  for (const take of everywhere) {
    for (const [options, text] of wrong) {
      const call = async () => await take(options as PerMessageDeflateOptions);
      await assertRejects(call, TypeError, text);
    }
  }
  transport.close();
});

Deno.test("client and server of ours always agree on the same parameters, or on none", () => {
  const bits = fc.option(fc.integer({ min: 8, max: 15 }), { nil: undefined });
  const flag = fc.option(fc.boolean(), { nil: undefined });
  const options = fc.record({
    serverNoContextTakeover: flag,
    clientNoContextTakeover: flag,
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  });
  fc.assert(fc.property(options, options, (client, server) => {
    const accepted = acceptDeflate([offerDeflate(client)], server);
    if (accepted === undefined) return;
    const [response] = parseExtensions(formatExtension(accepted.response))!;
    assertEquals(checkDeflateResponse(response, client), accepted.parameters);
  }));
});
