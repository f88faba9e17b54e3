/** What tests/interop/udp_test.ts runs in a network of its own, whose interface d0 takes multicast. */
import { createDatagramSocket, type DatagramSocket } from "../../net/datagram_socket.ts";

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** Sends to a group, then straight to the socket, and tells what the socket hears first. */
async function hears(socket: DatagramSocket, group: string, own: string): Promise<string> {
  const { port } = socket.address();
  await socket.send("group", port, group);
  await socket.send("direct", port, own);
  const first = text((await socket.receive({ timeout: 5000 })).data);
  if (first === "group") await socket.receive({ timeout: 5000 });
  return first;
}

const report: Record<string, string> = {};
{
  await using four = await createDatagramSocket().bind();
  four.addMembership("239.255.77.2", "10.9.9.1");
  four.setMulticastInterface("10.9.9.1");
  report.loopback = await hears(four, "239.255.77.2", "10.9.9.1");
  four.setMulticastLoopback(false);
  report.quiet = await hears(four, "239.255.77.2", "10.9.9.1");
}
{
  await using six = await createDatagramSocket("udp6").bind();
  six.setMulticastInterface("::%d0");
  report.six_before = await hears(six, "ff05::7:1", "fd09::1");
  six.addMembership("ff05::7:1", "::%d0");
  report.six_member = await hears(six, "ff05::7:1", "fd09::1");
  six.dropMembership("ff05::7:1", "::%d0");
  report.six_after = await hears(six, "ff05::7:1", "fd09::1");
}
console.log(JSON.stringify(report));
