import { assertEquals, assertRejects } from "@std/assert";
import { querySdp, runSdpQuery } from "../../net/_bluetooth_sdp_client.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { SdpDatabase } from "../../net/sdp_database.ts";
import { SdpQuery } from "../../net/sdp_query.ts";
import { describeService, serviceRecord } from "../../net/sdp_service.ts";
import type { Transport } from "../../net/transport.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { bluetoothTest } from "../_support/ffi_sockets.ts";

const SERVICE = {
  uuid: "00001101-0000-1000-8000-00805f9b34fb",
  protocol: "rfcomm" as const,
  port: 5,
  name: "A service with a name that takes more than one packet of 48 bytes",
};

/** Answers each read with what `answer` makes of it, until the other end closes. */
async function serve(end: Transport, answer: (request: Uint8Array) => Uint8Array): Promise<void> {
  const buffer = new Uint8Array(65535);
  for (let n; (n = await end.read(buffer)) !== null;) {
    await end.write(answer(buffer.subarray(0, n)));
  }
}

Deno.test("the SDP client asks until it has the whole answer", async () => {
  const database = new SdpDatabase();
  database.add(serviceRecord(SERVICE));
  const [client, server] = pair();
  let requests = 0;
  const serving = serve(server, (request) => {
    requests++;
    return database.answer(request, 48);
  });
  const records = await runSdpQuery(client, new SdpQuery({ uuids: ["SerialPort"] }));
  assertEquals(records.map(describeService), [SERVICE]);
  assertEquals(requests > 2, true);
  client.close();
  await serving;
  server.close();
});

Deno.test("the SDP client reports a device that closes or talks nonsense", async () => {
  const query = () => new SdpQuery({ uuids: ["SerialPort"] });
  const [client, server] = pair();
  const reading = server.read(new Uint8Array(100)).then(() => server.close());
  const error = await assertRejects(() => runSdpQuery(client, query()), NetError);
  assertEquals(error.message, "Cannot query Bluetooth services: the device closed the connection");
  assertEquals(error.code, "ECONNRESET");
  await reading;
  client.close();
  const [other, liar] = pair();
  const serving = serve(liar, () => Uint8Array.of(7, 0, 1, 0));
  assertEquals((await assertRejects(() => runSdpQuery(other, query()), NetError)).code, "EPROTO");
  other.close();
  await serving;
  liar.close();
});

bluetoothTest("the SDP client gives up on a device that doesn't answer", async (near, far) => {
  const { listenBluetooth } = await import("../../net/bluetooth_listener.ts");
  await using silent = listenBluetooth({ psm: 1, localAddress: far });
  const accepting = silent.accept();
  const deadline = deadlineSignal("ask", { timeout: 100 });
  const asking = querySdp({ address: far, localAddress: near }, { uuids: [0x1101] }, deadline);
  assertEquals((await assertRejects(() => asking, NetError)).code, "ETIMEDOUT");
  await using _ = await accepting;
});
