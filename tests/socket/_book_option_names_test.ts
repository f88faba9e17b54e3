import { assertThrows } from "@std/assert";
import {
  checkBookOptions,
  checkCallOptions,
  checkListenOptions,
} from "../../socket/_book_option_names.ts";
import type {
  CreateBluetoothOptions,
  CreateSocketOptions,
  SocketBookOptions,
} from "../../socket/socket_book_options.ts";

const kinds = ["tcp", "udp", "tls"] as const;

Deno.test("options of a book and of what listens are known by their names", () => {
  checkBookOptions({ throws: true, maxSockets: 1, encoding: undefined });
  checkListenOptions({ address: "127.0.0.1", backlog: 1 }, "tcp");
  checkListenOptions({ address: "127.0.0.1", broadcast: true }, "udp");
  checkListenOptions({ address: "127.0.0.1", protocols: 48, requestCert: true }, "tls");
});

Deno.test("options of a book that are not there are refused", () => {
  const options = { Throws: true } as SocketBookOptions;
  assertThrows(() => checkBookOptions(options), TypeError, "no option `Throws`, but `throws`");
});

Deno.test("an address that would not be heard is refused", () => {
  for (const kind of kinds) {
    for (const name of ["host", "hostname"]) {
      const options: CreateSocketOptions = { [name]: "127.0.0.1" };
      assertThrows(() => checkListenOptions(options, kind), TypeError, "is `address` here");
    }
    const text = "127.0.0.1" as CreateSocketOptions;
    const message = '{ address: "127.0.0.1" }';
    assertThrows(() => checkListenOptions(text, kind), TypeError, message);
    const options = { nagle: false } as CreateSocketOptions;
    assertThrows(() => checkListenOptions(options, kind), TypeError, "no option `nagle`");
  }
});

Deno.test("options of calls are known by their names, and are an object", () => {
  checkCallOptions({ timeout: 1, signal: undefined }, "wait");
  checkCallOptions({ timeout: 1, adapter: "00:1A:7D:DA:71:13", channel: 1 }, "bluetooth");
  checkCallOptions({ ca: "", protocols: 48, certificate: "mine", ALPNProtocols: [] }, "tls");
  checkCallOptions({ port: 80, path: "/", protocols: "a", callback: () => {} }, "webSocket");
  checkCallOptions({ port: 443, tlsProtocols: 48, servername: "a.example" }, "webSocketTls");
  checkCallOptions({ wait: false, timeout: 1, maxBytes: 1, receiveDelay: 0, bytes: true }, "read");
  checkCallOptions({ address: "127.0.0.1", port: 1, encoding: "utf8", timeout: 1 }, "write");
  const calls = ["wait", "bluetooth", "tls", "webSocket", "webSocketTls", "read", "write"] as const;
  for (const call of calls) {
    assertThrows(() => checkCallOptions({ headers: {} }, call), TypeError, "no option `headers`");
    for (const none of [80, "5 s", false] as unknown as object[]) {
      assertThrows(() => checkCallOptions(none, call), TypeError, "the options are not an object");
    }
  }
});

Deno.test("an adapter that would not be heard is refused", () => {
  checkListenOptions(
    { channel: 1, adapter: "00:1A:7D:DA:71:13", serviceName: "S", publish: false },
    "bluetooth",
  );
  const refused = (options: unknown, text: string) =>
    assertThrows(
      () => checkListenOptions(options as CreateBluetoothOptions, "bluetooth"),
      TypeError,
      text,
    );
  refused({ address: "00:1A:7D:DA:71:13" }, "`address` is `adapter` here");
  refused({ Adapter: "00:1A:7D:DA:71:13" }, "no option `Adapter`, but `adapter`");
  refused("00:1A:7D:DA:71:13", "not an object");
});
