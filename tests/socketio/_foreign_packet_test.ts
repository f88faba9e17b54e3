import { assert, assertEquals } from "@std/assert";
import { checkForeignPacket } from "../../socketio/_foreign_packet.ts";
import { PacketFault } from "../../socketio/errors.ts";
import { RESERVED_EVENTS } from "../../socketio/packet.ts";

Deno.test("a parser's packets are taken as those of the built-in decoder are", () => {
  const nsp = "/";
  for (
    const [given, taken] of [
      [{ type: 0, nsp }, { type: 0, nsp, data: undefined }],
      [{ type: 0, nsp, data: { a: 1 } }, { type: 0, nsp, data: { a: 1 } }],
      [{ type: 0, nsp, id: null, data: null }, { type: 0, nsp, data: undefined }],
      [{ type: 1, nsp, data: [] }, { type: 1, nsp }],
      [{ type: 2, nsp: "/a", data: ["b", 1] }, { type: 2, nsp: "/a", data: ["b", 1] }],
      [{ type: 2, nsp, id: null, data: [5] }, { type: 2, nsp, data: [5] }],
      [{ type: 5, nsp, id: 0, attachments: 1, data: ["b"] }, { type: 2, nsp, id: 0, data: ["b"] }],
      [{ type: 3, nsp, id: 7, data: [] }, { type: 3, nsp, id: 7, data: [] }],
      [{ type: 6, nsp, id: 7, data: [1] }, { type: 3, nsp, id: 7, data: [1] }],
      [{ type: 4, nsp, data: "no" }, { type: 4, nsp, data: "no" }],
      [{ type: 4, nsp, data: { message: "no" } }, { type: 4, nsp, data: { message: "no" } }],
    ]
  ) assertEquals<unknown>(checkForeignPacket(given), taken);
});

Deno.test("what a parser gives that is no packet is a fault", () => {
  const nsp = "/";
  for (
    const given of [
      undefined,
      null,
      "text",
      5,
      [],
      {},
      { type: 2, data: ["a"] },
      { type: 2, nsp: 1, data: ["a"] },
      { type: -1, nsp, data: ["a"] },
      { type: 7, nsp, data: ["a"] },
      { type: "2", nsp, data: ["a"] },
      { type: 0, nsp, data: "text" },
      { type: 0, nsp, data: [] },
      { type: 2, nsp },
      { type: 2, nsp, data: 5 },
      { type: 2, nsp, data: "text" },
      { type: 2, nsp, data: [] },
      { type: 2, nsp, data: [{}] },
      { type: 2, nsp, data: [null] },
      ...[-1, 0.5, "1", NaN, 2 ** 53, 1n].map((id) => ({ type: 2, nsp, id, data: ["a"] })),
      ...[...RESERVED_EVENTS].map((name) => ({ type: 5, nsp, data: [name] })),
      { type: 3, nsp, data: [] },
      { type: 3, nsp, id: 1 },
      { type: 6, nsp, id: 1, data: { length: 1 } },
      { type: 4, nsp },
      { type: 4, nsp, data: ["no"] },
    ]
  ) assert(checkForeignPacket(given) instanceof PacketFault, Deno.inspect(given));
});
