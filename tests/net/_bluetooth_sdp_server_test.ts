import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import { FfiListener } from "../../net/_bluetooth_listener.ts";
import { runSdpQuery } from "../../net/_bluetooth_sdp_client.ts";
import { publishRecord, type SdpConnection, SdpServer } from "../../net/_bluetooth_sdp_server.ts";
import { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { SOCK_SEQPACKET } from "../../net/_bluetooth_sys.ts";
import { FfiTransport } from "../../net/_bluetooth_transport.ts";
import { BLUETOOTH_ANY } from "../../net/bluetooth_address.ts";
import { NetError } from "../../net/errors.ts";
import { SdpQuery } from "../../net/sdp_query.ts";
import { describeService, serviceRecord } from "../../net/sdp_service.ts";
import { AF_UNIX, HAS_FFI, listenUnix } from "../_support/ffi_sockets.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `SDP server ${name}`, ignore: !HAS_FFI, fn });
}

function toTransport(socket: FfiSocket): FfiTransport {
  const addr = { transport: "bluetooth", address: "near" } as const;
  const packets = { outgoing: 100, incoming: 672 };
  return new FfiTransport(socket, { localAddr: addr, remoteAddr: addr, packets });
}

/** A listener for packets, and how to connect to it. */
function listen(): { listener: FfiListener<SdpConnection>; connect(): Promise<FfiTransport> } {
  const { socket, address } = listenUnix(SOCK_SEQPACKET);
  const listener = new FfiListener<SdpConnection>(socket, {
    addr: { transport: "bluetooth", address: "here", port: 1 },
    addressSize: 110,
    what: "a request",
    connection: toTransport,
  });
  const connect = async () => {
    const client = FfiSocket.create(loadLibc("test"), AF_UNIX, SOCK_SEQPACKET, 0);
    await client.connect(address);
    return toTransport(client);
  };
  return { listener, connect };
}

const RECORD = serviceRecord({
  uuid: "SerialPort",
  protocol: "rfcomm",
  port: 3,
  name: "A name that takes more than one packet",
});

async function names(client: FfiTransport): Promise<(string | undefined)[]> {
  const records = await runSdpQuery(client, new SdpQuery({ uuids: ["SerialPort"] }));
  return records.map((record) => describeService(record).name);
}

test("answers several clients, one request after the other", async () => {
  const { listener, connect } = listen();
  const server = new SdpServer(listener);
  assertEquals(server.add(BLUETOOTH_ANY, RECORD) > 0, true);
  const clients = await Promise.all([connect(), connect(), connect()]);
  for (const client of clients) {
    assertEquals(await names(client), ["A name that takes more than one packet"]);
  }
  assertEquals(await names(clients[0]), ["A name that takes more than one packet"]);
  assertEquals([server.open, server.connections], [true, 3]);
  server.close();
  assertEquals(server.open, false);
  for (const client of clients) {
    assertEquals(await client.read(new Uint8Array(1)), null);
    await client[Symbol.asyncDispose]();
  }
});

test("closes connections above its limit, and takes new ones when there is room", async () => {
  const { listener, connect } = listen();
  const server = new SdpServer(listener, { maxConnections: 2 });
  const [first, second] = [await connect(), await connect()];
  await names(first);
  await names(second);
  const third = await connect();
  assertEquals(await third.read(new Uint8Array(1)), null);
  first.close();
  while (server.connections > 1) await new Promise((resolve) => setTimeout(resolve, 0));
  const fourth = await connect();
  assertEquals(await names(fourth), []);
  server.close();
  for (const client of [second, third, fourth]) await client[Symbol.asyncDispose]();
});

test("closes a connection that is idle", async () => {
  const { listener, connect } = listen();
  const server = new SdpServer(listener, { idleTimeout: 20 });
  const client = await connect();
  assertEquals(await names(client), []);
  assertEquals(await client.read(new Uint8Array(1)), null);
  server.close();
  await client[Symbol.asyncDispose]();
});

test("closes a connection whose client doesn't take its answers", async () => {
  const { listener, connect } = listen();
  const server = new SdpServer(listener, { idleTimeout: 20 });
  const client = await connect();
  const request = new SdpQuery({ uuids: ["SerialPort"] }).request();
  // Until the server, which can't write any more, has been closed from within.
  await assertRejects(async () => {
    for (;;) await client.write(request);
  }, NetError);
  while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 0));
  server.close();
  await client[Symbol.asyncDispose]();
});

test("shows the records of the adapter that is asked, and those of all", async () => {
  const { listener, connect } = listen();
  const server = new SdpServer(listener);
  const add = (adapter: string, name: string) =>
    server.add(adapter, serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 1, name }));
  const own = add("near", "own");
  const foreign = add("far", "foreign");
  add(BLUETOOTH_ANY, "common");
  const client = await connect();
  assertEquals(await names(client), ["own", "common"]);
  assertEquals(server.size, 3);
  assertEquals([server.remove(foreign), server.remove(own), server.remove(own)], [
    true,
    true,
    false,
  ]);
  assertEquals(await names(client), ["common"]);
  server.close();
  await client[Symbol.asyncDispose]();
});

test("is opened for the first record, and closed after the last", async () => {
  const opened: ReturnType<typeof listen>[] = [];
  const open = () => {
    opened.push(listen());
    return opened.at(-1)!.listener;
  };
  const takeBack = [publishRecord("near", RECORD, open), publishRecord("near", RECORD, open)];
  const elsewhere = publishRecord("far", RECORD, open);
  assertEquals(opened.length, 1);
  const client = await opened[0].connect();
  assertEquals((await names(client)).length, 2);
  takeBack[0]();
  takeBack[0](); // no second time
  assertEquals((await names(client)).length, 1);
  takeBack[1]();
  assertEquals((await names(client)).length, 0);
  elsewhere();
  assertEquals(await client.read(new Uint8Array(1)), null);
  const again = publishRecord("near", RECORD, open);
  assertEquals(opened.length, 2);
  again();
  await client[Symbol.asyncDispose]();
});

test("that can't be opened leaves nothing behind", async () => {
  const fail = () => {
    throw new Error("taken");
  };
  assertThrows(() => publishRecord("near", RECORD, fail), Error, "taken");
  const { listener } = listen();
  const takeBack = publishRecord("near", RECORD, () => listener);
  takeBack();
  assertEquals(listener.closed, true);
  await listener[Symbol.asyncDispose]();
});

test("that has lost its listener makes way for a new one", async () => {
  const first = listen();
  const takeFirst = publishRecord("near", RECORD, () => first.listener);
  first.listener.close();
  const second = listen();
  const takeSecond = publishRecord("near", RECORD, () => second.listener);
  const client = await second.connect();
  assertEquals((await names(client)).length, 1);
  takeFirst();
  assertEquals((await names(client)).length, 1);
  takeSecond();
  assert(await client.read(new Uint8Array(1)) === null);
  await client[Symbol.asyncDispose]();
});
