import { assertEquals, assertRejects } from "@std/assert";
import { FfiListener } from "../../net/_bluetooth_listener.ts";
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { SOCK_STREAM, SystemError } from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import { AF_UNIX, HAS_FFI, listenUnix } from "../_support/ffi_sockets.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `system listener ${name}`, ignore: !HAS_FFI, fn });
}

function listen(
  connection: (socket: FfiSocket) => FfiSocket = (socket) => socket,
): { listener: FfiListener<FfiSocket>; closings: () => number; connect(): Promise<FfiSocket> } {
  const { socket, address } = listenUnix();
  let closings = 0;
  const listener = new FfiListener<FfiSocket>(socket, {
    addr: { transport: "bluetooth", address: "here", port: 7 },
    addressSize: 110,
    what: "a connection",
    connection,
    closed: () => closings++,
  });
  const connect = async () => {
    const client = FfiSocket.create(loadLibc("test"), AF_UNIX, SOCK_STREAM, 0);
    await client.connect(address);
    return client;
  };
  return { listener, closings: () => closings, connect };
}

test("accepts what comes, one by one and in a loop", async () => {
  const { listener, connect, closings } = listen();
  const clients = [await connect(), await connect(), await connect()];
  const servers = [await listener.accept({ timeout: 1000 })];
  for await (const server of listener) {
    servers.push(server);
    if (servers.length === 3) break;
  }
  // Leaving the loop has closed it.
  assertEquals(closings(), 1);
  assertEquals((await assertRejects(() => listener.accept(), NetError)).code, "ERR_SOCKET_CLOSED");
  for (const socket of [...clients, ...servers]) socket.close();
});

test("ends its loop when it is closed, and tells so once", async () => {
  const { listener, closings } = listen();
  const loop = (async () => {
    for await (const _ of listener) throw new Error("nobody connects");
    return "ended";
  })();
  const accepting = listener.accept();
  listener.close();
  listener.close();
  assertEquals(await loop, "ended");
  assertEquals((await assertRejects(() => accepting, NetError)).code, "ERR_SOCKET_CLOSED");
  await listener[Symbol.asyncDispose]();
  assertEquals(closings(), 1);
});

test("gives up an accept alone", async () => {
  const { listener, connect } = listen();
  const signal = AbortSignal.abort("no");
  assertEquals(
    (await assertRejects(() => listener.accept({ signal }), NetError)).code,
    "ABORT_ERR",
  );
  const late = await assertRejects(() => listener.accept({ timeout: 1 }), NetError);
  assertEquals(late.message, "Cannot accept a connection: timed out after 1 ms");
  const client = await connect();
  (await listener.accept()).close();
  client.close();
  await using _ = listener;
});

test("closes a connection that it can't use, and passes the reason on", async () => {
  const { listener, connect } = listen(() => {
    throw new SystemError("getsockopt", 22);
  });
  const client = await connect();
  const error = await assertRejects(() => listener.accept(), NetError);
  assertEquals(error.message, "Cannot accept a connection: EINVAL, invalid argument");
  assertEquals([error.code, error.port], ["EINVAL", 7]);
  assertEquals(await client.read(new Uint8Array(1)), 0);
  client.close();
  using _ = listener;
});
