import { assertEquals, assertRejects } from "@std/assert";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";
import { DatagramName } from "../../socket/_datagram_name.ts";
import { SocketFailure } from "../../socket/_failure.ts";
import type { ReadRequest } from "../../socket/_named_socket.ts";

const READ: ReadRequest = {
  timeout: undefined,
  signal: undefined,
  maxBytes: 1,
  receiveDelay: 0,
  encoding: undefined,
};

Deno.test("datagram name reads whole datagrams and remembers the sender", async () => {
  const socket = await createDatagramSocket().bind(0, "127.0.0.1");
  const name = new DatagramName(socket, false);
  assertEquals(name.peer(), undefined);
  const { port } = socket.address();
  await name.write(new Uint8Array([1, 2, 3]), { address: "127.0.0.1", port });
  assertEquals(await name.read(READ), new Uint8Array([1, 2, 3]));
  assertEquals(name.peer(), { address: "127.0.0.1", port: String(port) });
  assertEquals(await name.read({ ...READ, timeout: 1 }), undefined);
  await name.close({});
});

Deno.test("datagram name fails without a port, when aborted, and when closed", async () => {
  const name = new DatagramName(await createDatagramSocket().bind(0, "127.0.0.1"), false);
  const nowhere = await assertRejects(
    () => name.write(new Uint8Array(1), { address: "127.0.0.1", port: undefined }),
    SocketFailure,
  );
  assertEquals(nowhere.kind, "INVALID_ARGUMENT");
  const signal = AbortSignal.abort();
  const aborted = await assertRejects(() => name.read({ ...READ, signal }), NetError);
  assertEquals(aborted.code, "ABORT_ERR");
  await assertRejects(() => name.read({ ...READ, timeout: -1 }), RangeError);
  const reading = assertRejects(() => name.read(READ), SocketFailure);
  await name.close({});
  assertEquals((await reading).kind, "CONNECTION_LOST");
});
