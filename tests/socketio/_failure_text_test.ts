import { assert, assertEquals, assertMatch } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { failureMessage, failureText } from "../../socketio/_failure_text.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoError } from "../../socketio/errors.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { identity } from "../_support/certs.ts";
import { freePort } from "../_support/peers.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";

Deno.test("a failure's text is that of the cause that tells the most, without the platform's preface", () => {
  const dns = "dns error: failed to lookup address information: Name or service not known";
  const texts: [unknown, string][] = [
    [
      new TypeError("fetch failed", {
        cause: new Error(
          `error sending request for url (http://h/?token=s3cret): client error (Connect): ${dns}`,
        ),
      }),
      dns,
    ],
    [
      new Error(
        "error sending request from 127.0.0.1:5 for http://h/?a=s3cret (127.0.0.1:6): client error (SendRequest): connection closed before message completed",
      ),
      "connection closed before message completed",
    ],
    [
      new DOMException(
        "NetworkError: failed to connect to WebSocket: tcp connect error",
        "NetworkError",
      ),
      "tcp connect error",
    ],
    [
      new Error("fetch failed", {
        cause: new AggregateError([], "connect ECONNREFUSED 127.0.0.1:1"),
      }),
      "connect ECONNREFUSED 127.0.0.1:1",
    ],
    ["1006 gone", "1006 gone"],
    ["1006 ", "1006"],
    ["1008 no\r\n\troom\0 ", "1008 no room"],
    [
      new Error("Cannot open https://u:s3cret@h:1/?token=s3cret now"),
      "Cannot open https://h:1 now",
    ],
    [
      new Error("request to http://h/x/?token=a)s3'cret&a=b failed, reason: refused"),
      "request to http://h failed, reason: refused",
    ],
    [
      new Error("for (ws://[::1]:81/?a=(s3cret), 'http://h?s3cret'"),
      "for (ws://[::1]:81), 'http://h'",
    ],
    [new Error("to http://s3cret:99999/s3cret!"), "to (URL)!"],
    [
      new TypeError("fetch failed", {
        cause: Object.assign(new AggregateError([new Error("ECONNREFUSED ::1:1")], ""), {
          code: "ECONNREFUSED",
        }),
      }),
      "ECONNREFUSED ::1:1",
    ],
    [Object.assign(new AggregateError([], ""), { code: "ECONNREFUSED" }), "ECONNREFUSED"],
    [{ type: "error" }, "no reason was told"],
    [
      new TypeError("fetch failed", {
        cause: new NetError('Cannot look up "h": ENOTFOUND', {
          code: "ENOTFOUND",
          cause: new Error("getaddrinfo ENOTFOUND h"),
        }),
      }),
      'Cannot look up "h": ENOTFOUND',
    ],
    [new Error(""), "no reason was told"],
    [{ message: "x" }, "no reason was told"],
    [undefined, "no reason was told"],
  ];
  for (const [failure, text] of texts) assertEquals(failureText(failure), text);
});

Deno.test("a failure's message does not say twice what could not be done", () => {
  const own = new NetError('Cannot connect to "h:1": ECONNREFUSED', { code: "ECONNREFUSED" });
  const handshake = new WebSocketHandshakeError("the server ended the connection", {
    code: "HANDSHAKE_CLOSED",
  });
  const told: [unknown, string][] = [
    [own, own.message],
    [handshake, "Cannot go: the server ended the connection"],
    [new TypeError("Cannot read properties"), "Cannot go: Cannot read properties"],
    ["1006", "Cannot go: 1006"],
  ];
  for (const [failure, message] of told) {
    assertEquals(failureMessage("Cannot go", failure), message);
  }
});

Deno.test("a failure's text ends where causes go round in a circle", () => {
  const a = new Error("a");
  a.cause = new Error("b", { cause: a });
  assertMatch(failureText(a), /^[ab]$/);
});

async function connectError(url: string, transport: "polling" | "websocket") {
  const query = { token: "s3cret" };
  const socket = connectSocketIo(url, { transports: [transport], query, forceNew: true });
  const error = await new Promise<SocketIoError>((resolve) => {
    socket.once("connect_error", (error) => resolve(error as SocketIoError));
  });
  await socket.close();
  return error;
}

Deno.test("connect_error tells why the server could not be reached, by each transport", async () => {
  const plain = new SocketIoServer();
  const secure = new SocketIoServer();
  const to = { port: 0, hostname: "127.0.0.1" };
  const { port } = await plain.listen(to);
  const { port: tlsPort } = await secure.listen({ ...to, tls: identity("server") });
  const cases: [url: string, why: RegExp][] = [
    [`http://127.0.0.1:${freePort()}`, /tcp connect error/],
    [`https://127.0.0.1:${port}`, /does not speak TLS; is it http:\?/],
    [`http://127.0.0.1:${tlsPort}`, /is not HTTP; is it https:\?/],
    [`https://localhost:${tlsPort}`, /certificate(: UnknownIssuer| perhaps)/],
  ];
  try {
    for (const [url, why] of cases) {
      for (const transport of ["polling", "websocket"] as const) {
        const error = await connectError(url, transport);
        assertEquals([error.name, error.code], ["SocketIoError", "ERR_CONNECT"]);
        assertMatch(error.message, why);
        assert(error.cause !== undefined);
        assert(!error.message.includes("s3cret"), error.message);
      }
    }
  } finally {
    await plain.close();
    await secure.close();
  }
});
