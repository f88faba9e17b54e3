import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkOptionNames } from "../../net/option_names.ts";
import {
  CONNECTION_OPTIONS,
  FOREIGN_CLIENT_OPTIONS,
  FOREIGN_SERVER_OPTIONS,
} from "../../websocket/_option_names.ts";

const KNOWN = { ...CONNECTION_OPTIONS, port: true };

Deno.test("names of other libraries are refused with the name that they have here", () => {
  const told = (options: object) =>
    assertThrows(
      () => checkOptionNames("Cannot serve", options, KNOWN, FOREIGN_SERVER_OPTIONS),
      TypeError,
    ).message;
  checkOptionNames("Cannot serve", { maxInboxBytes: 1, port: 1 }, KNOWN, FOREIGN_SERVER_OPTIONS);
  assertEquals(told({ port: 1, host: "::1" }), "Cannot serve: `host` is `hostname` here");
  assertEquals(
    told({ rejectUnauthorized: false }),
    "Cannot serve: `rejectUnauthorized` goes into `tls`",
  );
  assertEquals(
    told({ clientTracking: false }),
    "Cannot serve: there is no option `clientTracking`",
  );
});

Deno.test("what is known is in no list of foreign names", () => {
  for (const foreign of [FOREIGN_CLIENT_OPTIONS, FOREIGN_SERVER_OPTIONS]) {
    for (const name of Object.keys(CONNECTION_OPTIONS)) assert(!Object.hasOwn(foreign, name), name);
  }
});
