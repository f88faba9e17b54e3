import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  CONNECTION_OPTIONS,
  FOREIGN_CLIENT_OPTIONS,
  FOREIGN_SERVER_OPTIONS,
  refuseUnknown,
} from "../../websocket/_option_names.ts";

const KNOWN = new Set([...CONNECTION_OPTIONS, "port"]);

Deno.test("unknown option is refused by name, and by the name that it has here", () => {
  const told = (options: object) =>
    assertThrows(
      () => refuseUnknown("Cannot serve", options, KNOWN, FOREIGN_SERVER_OPTIONS),
      TypeError,
    ).message;
  assertEquals(told({ port: 1, host: "::1" }), "Cannot serve: `host` is `hostname` here");
  assertEquals(
    told({ rejectUnauthorized: false }),
    "Cannot serve: `rejectUnauthorized` goes into `tls`",
  );
  assertEquals(
    told({ clientTracking: false }),
    "Cannot serve: there is no option `clientTracking`",
  );
  // Names of every object are no names of options.
  assertEquals(told({ toString: 1 }), "Cannot serve: there is no option `toString`");
});

Deno.test("options that ask for nothing are let through, and no options at all are not", () => {
  const check = (options: unknown) =>
    refuseUnknown("Cannot serve", options as object, KNOWN, FOREIGN_SERVER_OPTIONS);
  check({});
  check({ maxInbox: 1, port: undefined, host: undefined, server: null });
  check(Object.create({ host: "inherited" }));
  for (const wrong of [undefined, null, 80, "80", ["chat"], new Map(), () => {}]) {
    assertThrows(() => check(wrong), TypeError, "the options are not an object");
  }
});

Deno.test("what is known is in no list of foreign names", () => {
  for (const foreign of [FOREIGN_CLIENT_OPTIONS, FOREIGN_SERVER_OPTIONS]) {
    for (const name of CONNECTION_OPTIONS) assert(!Object.hasOwn(foreign, name), name);
  }
});
