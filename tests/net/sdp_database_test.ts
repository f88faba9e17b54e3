import { assert, assertEquals, assertThrows } from "@std/assert";
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import { SdpDatabase } from "../../net/sdp_database.ts";
import { decodeSdpElement, encodeSdpElement, sdpString } from "../../net/sdp.ts";
import { decodeSdpPdu, encodeSdpPdu, SDP_ERROR, type SdpPdu } from "../../net/sdp_pdu.ts";
import { SDP_ATTRIBUTE, sdpRecordFromElement } from "../../net/sdp_record.ts";
import { serviceRecord } from "../../net/sdp_service.ts";
import { hex } from "../_support/hex.ts";
import { damaged } from "../_support/sdp.ts";
import fc from "fast-check";

const NONE = new Uint8Array(0);
const SERIAL_PORT = bluetoothUuid("SerialPort");
const RFCOMM = bluetoothUuid("RFCOMM");
const OWN = "6fb4e2a0-0001-4b6e-9b62-2e1f5c0a0001";

function filled(): SdpDatabase {
  const database = new SdpDatabase();
  database.add(serviceRecord({ uuid: SERIAL_PORT, protocol: "rfcomm", port: 1, name: "one" }));
  database.add(serviceRecord({ uuid: OWN, protocol: "rfcomm", port: 2, name: "two" }));
  database.add(serviceRecord({ uuid: OWN, protocol: "l2cap", port: 0x1001, name: "three" }));
  return database;
}

function ask(database: SdpDatabase, pdu: SdpPdu, mtu = 672): SdpPdu {
  const answer = database.answer(encodeSdpPdu(pdu), mtu);
  assert(answer.length <= Math.max(mtu, 48), `${answer.length} bytes where ${mtu} fit`);
  const decoded = decodeSdpPdu(answer);
  assertEquals(decoded.transaction, pdu.transaction);
  return decoded;
}

function names(answer: SdpPdu): (string | undefined)[] {
  assert(answer.kind === "searchAttributeResult");
  const list = decodeSdpElement(answer.attributes);
  assert(list.type === "sequence");
  return list.value.map((record) =>
    sdpString(sdpRecordFromElement(record).get(SDP_ATTRIBUTE.ServiceName))
  );
}

const ALL = { maxBytes: 0xffff, ranges: [[0, 0xffff]] as [number, number][], continuation: NONE };

Deno.test("SDP database answers a search with the records that hold every UUID, at any depth", () => {
  const database = filled();
  assertEquals(database.size, 3);
  const find = (...uuids: string[]) =>
    names(ask(database, { kind: "searchAttribute", transaction: 5, uuids, ...ALL }));
  assertEquals(find(SERIAL_PORT), ["one"]);
  assertEquals(find(RFCOMM), ["one", "two"]);
  assertEquals(find(bluetoothUuid("PublicBrowseGroup")), ["one", "two", "three"]);
  assertEquals(find(OWN, RFCOMM), ["two"]);
  assertEquals(find(bluetoothUuid("OBEXObjectPush")), []);
  assertEquals(find(bluetoothUuid("ServiceDiscoveryServer")), [undefined]);
});

Deno.test("SDP database answers with handles, and with one record's attributes", () => {
  const database = filled();
  const search = { kind: "search", transaction: 1, uuids: [RFCOMM], continuation: NONE } as const;
  assertEquals(ask(database, { ...search, maxRecords: 100 }), {
    kind: "searchResult",
    transaction: 1,
    total: 2,
    handles: [0x10000, 0x10001],
    continuation: NONE,
  });
  const one = ask(database, { ...search, maxRecords: 1 });
  assertEquals(one.kind === "searchResult" && [one.total, one.handles], [1, [0x10000]]);
  const answer = ask(database, {
    ...ALL,
    kind: "attribute",
    transaction: 2,
    handle: 0x10001,
    ranges: [[0, 1], [0x0100, 0x0100]],
  });
  assert(answer.kind === "attributeResult");
  const record = sdpRecordFromElement(decodeSdpElement(answer.attributes));
  assertEquals([...record.keys()], [0, 1, 0x0100]);
  assertEquals(record.get(0), { type: "uint", size: 4, value: 0x10001 });
});

Deno.test("SDP database gives a long answer in pieces that fit", () => {
  const database = filled();
  const uuids = [bluetoothUuid("PublicBrowseGroup")];
  const whole = ask(database, { kind: "searchAttribute", transaction: 1, uuids, ...ALL });
  assert(whole.kind === "searchAttributeResult");
  for (const [mtu, maxBytes] of [[48, 0xffff], [100, 0xffff], [672, 7], [672, 100]]) {
    let continuation = NONE;
    const pieces: number[] = [];
    do {
      const request: SdpPdu = {
        ...ALL,
        kind: "searchAttribute",
        transaction: 9,
        uuids,
        maxBytes,
        continuation,
      };
      const answer = ask(database, request, mtu);
      assert(answer.kind === "searchAttributeResult");
      assert(answer.attributes.length > 0 && answer.attributes.length <= maxBytes);
      pieces.push(...answer.attributes);
      continuation = new Uint8Array(answer.continuation);
    } while (continuation.length > 0);
    assertEquals(Uint8Array.from(pieces), whole.attributes);
  }
});

Deno.test("SDP database gives a long list of handles in pieces that fit", () => {
  const database = new SdpDatabase();
  const record = serviceRecord({ uuid: OWN, protocol: "l2cap", port: 0x1001 });
  const added = Array.from({ length: 100 }, () => database.add(record));
  let continuation = NONE;
  const handles: number[] = [];
  do {
    const search = { kind: "search", transaction: 3, uuids: [OWN], maxRecords: 90 } as const;
    const answer = ask(database, { ...search, continuation }, 48);
    assert(answer.kind === "searchResult");
    assertEquals(answer.total, 90);
    handles.push(...answer.handles);
    continuation = new Uint8Array(answer.continuation);
  } while (continuation.length > 0);
  assertEquals(handles, added.slice(0, 90));
});

Deno.test("SDP database refuses to go on with an answer when its records have changed", () => {
  const database = filled();
  const request: SdpPdu = { ...ALL, kind: "searchAttribute", transaction: 1, uuids: [RFCOMM] };
  const first = ask(database, request, 48);
  assert(first.kind === "searchAttributeResult" && first.continuation.length > 0);
  const next = { ...request, continuation: first.continuation };
  assertEquals(ask(database, next, 48).kind, "searchAttributeResult");
  database.add(serviceRecord({ uuid: OWN, protocol: "rfcomm", port: 9 }));
  const refused = { kind: "error", transaction: 1, code: SDP_ERROR.InvalidContinuation } as const;
  assertEquals(ask(database, next, 48), refused);
  for (const state of ["00", "000000000000", "ffffffffffff", "0004ffffffff"]) {
    assertEquals(ask(database, { ...request, continuation: hex(state) }), refused, state);
  }
});

Deno.test("SDP database answers what it can't read with the right error", () => {
  const database = filled();
  const error = (request: string) => {
    const answer = decodeSdpPdu(database.answer(hex(request), 672));
    assert(answer.kind === "error", request);
    return [answer.transaction, answer.code];
  };
  assertEquals(error(""), [0, SDP_ERROR.InvalidSyntax]);
  assertEquals(error("06"), [0, SDP_ERROR.InvalidSyntax]);
  assertEquals(error("06 0009 0001"), [9, SDP_ERROR.InvalidPduSize]);
  assertEquals(error("09 0009 0000"), [9, SDP_ERROR.InvalidSyntax]);
  assertEquals(error("07 0009 0005 0002 3500 00"), [9, SDP_ERROR.InvalidSyntax]); // an answer
  assertEquals(error("06 0009 000f 3503191101 0006 35050a0000ffff 00"), [
    9,
    SDP_ERROR.InvalidSyntax,
  ]);
  assertEquals(error("02 0009 0008 3503191101 0000 00"), [9, SDP_ERROR.InvalidSyntax]);
  assertEquals(
    error("04 0009 000e 00020000 ffff 35050a0000ffff 00"),
    [9, SDP_ERROR.InvalidRecordHandle],
  );
});

Deno.test("SDP database takes records back, keeps its own, and has a limit", () => {
  const database = new SdpDatabase({ maxRecords: 2 });
  const record = serviceRecord({ uuid: OWN, protocol: "l2cap", port: 0x1001 });
  const first = database.add(record);
  const second = database.add(record);
  assertThrows(() => database.add(record), RangeError, "there are 2 already");
  assertEquals([database.remove(first), database.remove(first), database.remove(0)], [
    true,
    false,
    false,
  ]);
  assertEquals(database.size, 1);
  // A handle is never used again.
  assert(database.add(record) > second);
  assertEquals(record.has(SDP_ATTRIBUTE.ServiceRecordHandle), false);
});

Deno.test("SDP database answers anything at all with one packet that fits", () => {
  const database = filled();
  const search = encodeSdpPdu({ kind: "searchAttribute", transaction: 1, uuids: [RFCOMM], ...ALL });
  const requests = fc.oneof(fc.uint8Array({ maxLength: 80 }), damaged(fc.constant(search)));
  fc.assert(
    fc.property(requests, fc.integer({ min: 0, max: 1000 }), (request, mtu) => {
      const answer = database.answer(request, mtu);
      assert(answer.length <= Math.max(mtu, 48));
      decodeSdpPdu(answer);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("SDP database keeps nothing of what it was given", () => {
  const database = new SdpDatabase();
  const record = serviceRecord({ uuid: OWN, protocol: "l2cap", port: 0x1001, name: "before" });
  database.add(record);
  const request = encodeSdpPdu({ kind: "searchAttribute", transaction: 1, uuids: [OWN], ...ALL });
  const before = database.answer(request, 672);
  record.set(SDP_ATTRIBUTE.ServiceName, { type: "text", value: encodeSdpElement({ type: "nil" }) });
  assertEquals(database.answer(request, 672), before);
});

Deno.test("SDP database leaves out the records that a client may not see", () => {
  const database = filled();
  const visible = (handle: number) => handle !== 0x10001;
  const ask = (pdu: SdpPdu) => decodeSdpPdu(database.answer(encodeSdpPdu(pdu), 672, visible));
  const uuids = [RFCOMM];
  assertEquals(names(ask({ kind: "searchAttribute", transaction: 1, uuids, ...ALL })), ["one"]);
  const search = ask({ kind: "search", transaction: 1, uuids, maxRecords: 9, continuation: NONE });
  assertEquals(search.kind === "searchResult" && search.handles, [0x10000]);
  const hidden = ask({ kind: "attribute", transaction: 1, handle: 0x10001, ...ALL });
  assertEquals(hidden.kind === "error" && hidden.code, SDP_ERROR.InvalidRecordHandle);
  assertEquals(
    ask({ kind: "attribute", transaction: 1, handle: 0, ...ALL }).kind,
    "attributeResult",
  );
});
