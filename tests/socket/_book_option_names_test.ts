import { assertThrows } from "@std/assert";
import {
  checkBluetoothOptions,
  checkBookOptions,
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

Deno.test("an adapter that would not be heard is refused", () => {
  checkBluetoothOptions({
    channel: 1,
    adapter: "00:00:00:00:00:01",
    serviceName: "S",
    publish: false,
  });
  const refused = (options: unknown, text: string) =>
    assertThrows(() => checkBluetoothOptions(options as CreateBluetoothOptions), TypeError, text);
  refused({ address: "00:00:00:00:00:01" }, "`address` is `adapter` here");
  refused({ Adapter: "00:00:00:00:00:01" }, "no option `Adapter`, but `adapter`");
  refused("00:00:00:00:00:01", "not an object");
});
