import { assert, assertEquals, assertThrows } from "@std/assert";
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import { NetError } from "../../net/errors.ts";
import { SdpDatabase } from "../../net/sdp_database.ts";
import { encodeSdpPdu, type SdpPdu } from "../../net/sdp_pdu.ts";
import { SdpQuery } from "../../net/sdp_query.ts";
import { describeService, serviceRecord } from "../../net/sdp_service.ts";
import { hex } from "../_support/hex.ts";
import { damaged } from "../_support/sdp.ts";
import fc from "fast-check";

const NONE = new Uint8Array(0);

function answer(transaction: number, attributes: Uint8Array, continuation = NONE): Uint8Array {
  return encodeSdpPdu({ kind: "searchAttributeResult", transaction, attributes, continuation });
}

function rejects(query: SdpQuery, packet: Uint8Array, why: string): void {
  const error = assertThrows(() => query.receive(packet), NetError, why);
  assertEquals(error.code, "EPROTO");
}

Deno.test("SDP query asks in the bytes of the specification", () => {
  const query = new SdpQuery({ uuids: ["SerialPort"], transaction: 0 });
  assertEquals(query.request(), hex("06 0000 000f 3503191101 ffff 35050a0000ffff 00"));
});

Deno.test("SDP query joins the pieces of an answer, whatever fits a packet", () => {
  const database = new SdpDatabase();
  const services = Array.from({ length: 20 }, (_, i) => ({
    uuid: bluetoothUuid("SerialPort"),
    protocol: "rfcomm" as const,
    port: i + 1,
    name: `Port ${i}`,
  }));
  for (const service of services) database.add(serviceRecord(service));
  for (const mtu of [48, 49, 64, 672, 65535]) {
    const query = new SdpQuery({ uuids: ["SerialPort"] });
    let answers = 1;
    while (!query.receive(database.answer(query.request(), mtu))) answers++;
    assertEquals(query.records.map(describeService), services);
    assertEquals(answers > 1, mtu < 1500, `${answers} answers of ${mtu} bytes`);
  }
});

Deno.test("SDP query asks for the attributes that are wanted, with a new transaction each time", () => {
  const query = new SdpQuery({ uuids: [0x1101], ranges: [[1, 1], [4, 4]], transaction: 0xffff });
  assertEquals(query.request().subarray(1, 3), hex("ffff"));
  assertEquals(query.receive(answer(0xffff, hex("35"), hex("01"))), false);
  const second = query.request();
  assertEquals(second.subarray(1, 3), hex("0000"));
  assertEquals(second.subarray(-2), hex("01 01"));
  assertEquals(query.receive(answer(0, hex("00"))), true);
  assertEquals(query.records, []);
});

Deno.test("SDP query rejects an answer that is none", () => {
  const fresh = () => new SdpQuery({ uuids: ["SerialPort"], transaction: 1 });
  rejects(fresh(), answer(2, hex("3500")), "to another request");
  const refusal: SdpPdu = { kind: "error", transaction: 1, code: 6 };
  rejects(fresh(), encodeSdpPdu(refusal), "the server refuses with error 6");
  const other: SdpPdu = {
    kind: "attributeResult",
    transaction: 1,
    attributes: hex("3500"),
    continuation: NONE,
  };
  rejects(fresh(), encodeSdpPdu(other), "of another kind");
  rejects(fresh(), answer(1, hex("0801")), "not a list of records");
  rejects(fresh(), answer(1, NONE), "ends outside the data");
  rejects(fresh(), answer(1, hex("35 02 0801")), "not a sequence of attributes");
  rejects(fresh(), hex("07 0001"), "cut short");
});

Deno.test("SDP query keeps its limits of bytes and answers", () => {
  const small = new SdpQuery({ uuids: ["SerialPort"], transaction: 1, maxBytes: 10 });
  assertEquals(small.receive(answer(1, new Uint8Array(10), hex("01"))), false);
  rejects(small, answer(2, new Uint8Array(1), hex("01")), "longer than 10 bytes");
  const usual = new SdpQuery({ uuids: ["SerialPort"], transaction: 1 });
  assertEquals(usual.receive(answer(1, new Uint8Array(40_000), hex("01"))), false);
  assertEquals(usual.receive(answer(2, new Uint8Array(25_536), hex("01"))), false);
  rejects(usual, answer(3, new Uint8Array(1), hex("01")), "longer than 65536 bytes");
  // A server that goes on for ever, with nothing.
  const endless = new SdpQuery({ uuids: ["SerialPort"], transaction: 0 });
  for (let i = 0; i < 256; i++) assertEquals(endless.receive(answer(i, NONE, hex("01"))), false);
  rejects(endless, answer(256, NONE, hex("01")), "too many pieces");
});

Deno.test("SDP query refuses a search that can't be asked", () => {
  assertThrows(() => new SdpQuery({ uuids: ["nothing"] }), TypeError);
  assertThrows(() => new SdpQuery({ uuids: [] }).request(), RangeError);
});

Deno.test("SDP query throws nothing but EPROTO, whatever the server sends", () => {
  const database = new SdpDatabase();
  database.add(serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 1, name: "one" }));
  const good = database.answer(new SdpQuery({ uuids: ["SerialPort"] }).request(), 672);
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged(fc.constant(good))),
      (packet) => {
        const query = new SdpQuery({ uuids: ["SerialPort"] });
        try {
          if (query.receive(packet)) query.records.map(describeService);
        } catch (error) {
          assert(error instanceof NetError && error.code === "EPROTO", String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
