// Floor 3: driver.
import { dial } from "./_bluetooth_protocol.ts";
import { PSM_SDP } from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";
import { SdpQuery, type SdpQueryOptions } from "./sdp_query.ts";
import type { SdpRecord } from "./sdp_record.ts";
import type { Transport } from "./transport.ts";
import type { Deadline } from "./wait.ts";

/** The largest packet that L2CAP can carry. */
const MAX_PACKET = 0xffff;

/** Asks over an open transport that carries one SDP packet a read. @throws {NetError} */
export async function runSdpQuery(
  transport: Transport,
  query: SdpQuery,
): Promise<SdpRecord[]> {
  const packet = new Uint8Array(MAX_PACKET);
  do {
    await transport.write(query.request());
    const count = await transport.read(packet);
    if (count === null) {
      throw new NetError("Cannot query Bluetooth services: the device closed the connection", {
        code: "ECONNRESET",
        syscall: "read",
      });
    }
    if (query.receive(packet.subarray(0, count))) return query.records;
  } while (true);
}

/** Asks a device's SDP server. @throws {NetError} */
export async function querySdp(
  target: { address: string; localAddress: string },
  options: SdpQueryOptions,
  deadline: Deadline,
): Promise<SdpRecord[]> {
  const query = new SdpQuery(options);
  await using transport = await dial({ ...target, port: PSM_SDP, protocol: "l2cap" }, deadline);
  // Closing ends the read that waits.
  deadline.onfire(() => transport.close());
  try {
    return await runSdpQuery(transport, query);
  } catch (error) {
    throw deadline.fired ?? error;
  } finally {
    deadline.onfire(() => {});
  }
}
