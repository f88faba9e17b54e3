// BlueZ's own programs as peers, in the virtual machine of tools/bluetooth_vm.ts.
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connectBluetooth } from "../../net/bluetooth.ts";
import { discoverBluetoothServices } from "../../net/bluetooth_discovery.ts";
import { listenBluetooth } from "../../net/bluetooth_listener.ts";
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import { NetError } from "../../net/errors.ts";
import { bluetoothTest } from "../_support/ffi_sockets.ts";
import { runPeer, spawnPeer } from "../_support/peers.ts";

const text = new TextEncoder();

/** One service, as `sdptool` prints it. */
function sdptoolService(output: string, name: string): string {
  return output.split("\n\n").find((part) => part.includes(`Service Name: ${name}`)) ?? output;
}

bluetoothTest("sdptool reads the records that listenBluetooth publishes", async (near, far) => {
  await using serial = listenBluetooth({
    uuid: "SerialPort",
    channel: 4,
    name: "Hello",
    description: "A serial port",
    localAddress: far,
  });
  await using own = listenBluetooth({
    protocol: "l2cap",
    uuid: "6fb4e2a0-0001-4b6e-9b62-2e1f5c0a0001",
    name: "Own",
    localAddress: far,
  });
  const browse = await runPeer("sdptool", ["-i", near, "browse", far]);
  const hello = sdptoolService(browse.stdout, "Hello");
  assertMatch(hello, /Service Description: A serial port\n/);
  assertMatch(hello, /Service Class ID List:\n {2}"Serial Port" \(0x1101\)\n/);
  assertMatch(hello, /"L2CAP" \(0x0100\)\n {2}"RFCOMM" \(0x0003\)\n {4}Channel: 4\n/);
  assertMatch(hello, /Profile Descriptor List:\n {2}"Serial Port" \(0x1101\)\n {4}Version: 0x0102/);
  const other = sdptoolService(browse.stdout, "Own");
  assertMatch(other, /UUID 128: 6fb4e2a0-0001-4b6e-9b62-2e1f5c0a0001\n/);
  assertMatch(other, new RegExp(`PSM: ${own.addr.port}\n`));
  // The other two kinds of request.
  const search = await runPeer("sdptool", ["-i", near, "search", "--bdaddr", far, "SP"]);
  assertMatch(search.stdout, /Service Name: Hello\n/);
  const records = await runPeer("sdptool", ["-i", near, "records", far]);
  assertMatch(records.stdout, /Service Name: Hello\n/);
  assertEquals(serial.addr.port, 4);
});

bluetoothTest("BlueZ's serial port exchanges bytes with an RFCOMM listener", async (near, far) => {
  await using listener = listenBluetooth({ channel: 5, localAddress: far });
  await using _bluez = await spawnPeer(
    "rfcomm",
    ["-i", near, "connect", "/dev/rfcomm0", far, "5"],
    { ready: { path: "/dev/rfcomm0" }, stopSignal: "SIGINT" },
  );
  await using server = await listener.accept({ timeout: 10_000 });
  assertEquals(server.remoteAddr.address, near);
  await runPeer("stty", ["-F", "/dev/rfcomm0", "raw", "-echo"]);
  using tty = await Deno.open("/dev/rfcomm0", { read: true, write: true });
  const buffer = new Uint8Array(100);
  await tty.write(text.encode("from BlueZ"));
  let got = "";
  while (got.length < 10) {
    got += new TextDecoder().decode(buffer.subarray(0, (await server.read(buffer))!));
  }
  assertEquals(got, "from BlueZ");
  await server.write(text.encode("to BlueZ"));
  got = "";
  while (got.length < 8) {
    got += new TextDecoder().decode(buffer.subarray(0, (await tty.read(buffer))!));
  }
  assertEquals(got, "to BlueZ");
});

bluetoothTest(
  "an ordinary user connects, listens and discovers with --allow-ffi alone",
  async (near, far) => {
    const net = new URL("../../net/", import.meta.url).href;
    const script = `
    import { connectBluetooth } from "${net}bluetooth.ts";
    import { discoverBluetooth } from "${net}bluetooth_discovery.ts";
    import { listenBluetooth } from "${net}bluetooth_listener.ts";
    const found = await discoverBluetooth({ inquiryLength: 1, localAddress: "${near}" });
    console.log(found.map(({ address }) => address).join());
    await using listener = listenBluetooth({ localAddress: "${far}" });
    const channel = listener.addr.port;
    const [client, server] = await Promise.all([
      connectBluetooth({ address: "${far}", localAddress: "${near}", channel }),
      listener.accept({ timeout: 10000 }),
    ]);
    await client.write(Uint8Array.of(1, 2, 3));
    console.log(await server.read(new Uint8Array(10)));
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    try {
      listenBluetooth({ uuid: "SerialPort", localAddress: "${far}" });
    } catch (error) {
      console.log(error.message);
    }`;
    const command = "deno run --no-check --no-prompt --no-lock --allow-ffi -";
    const { stdout, stderr } = await runPeer(
      "su",
      ["-s", "/bin/sh", "-c", `cd /project; DENO_DIR=/tmp/nobody HOME=/tmp ${command}`, "nobody"],
      { stdin: script },
    );
    assertEquals(stdout.split("\n"), [
      far,
      "3",
      "Cannot listen for Bluetooth connections: EACCES, answering SDP requests (PSM 1) takes a " +
      "privileged user; without a uuid it can listen unpublished",
      "",
    ], stderr);
  },
);

/** Everybody may do everything: the bus of a machine that lives for a few seconds. */
const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>`;

bluetoothTest(
  "services of bluetoothd are found and reached, and it keeps its place",
  async (near, far) => {
    for (const folder of ["/run/dbus", "/var/lib/bluetooth"]) {
      Deno.mkdirSync(folder, {
        recursive: true,
      });
    }
    Deno.symlinkSync("/run", "/var/run");
    Deno.writeTextFileSync("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    Deno.writeTextFileSync("/etc/bus.conf", BUS);
    const bus = ["--config-file=/etc/bus.conf", "--nofork", "--nopidfile"];
    await using _bus = await spawnPeer("dbus-daemon", bus, {
      ready: { path: "/run/dbus/system_bus_socket" },
    });
    await using _daemon = await spawnPeer("bluetoothd", ["--nodetach", "--compat"], {
      ready: { path: "/run/sdp" },
    });
    // It has taken over the adapters: here they are to be found and connected to again.
    for (const adapter of ["hci0", "hci1"]) {
      assertEquals((await runPeer("hciconfig", [adapter, "piscan"])).code, 0);
    }
    assertEquals((await runPeer("sdptool", ["add", "--channel=9", "SP"])).code, 0);

    const target = { address: far, localAddress: near };
    const services = await discoverBluetoothServices(target);
    const serial = services.find(({ uuid }) => uuid === bluetoothUuid("SerialPort"))!;
    assertEquals([serial.protocol, serial.port, serial.name], ["rfcomm", 9, "Serial Port"]);
    assertEquals(services.length > 3, true);

    await using listener = listenBluetooth({ channel: 9, localAddress: far });
    const [client, server] = await Promise.all([
      connectBluetooth({ ...target, uuid: "SerialPort" }),
      listener.accept({ timeout: 10_000 }),
    ]);
    assertEquals(client.remoteAddr.port, 9);
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();

    const error = assertThrows(() => listenBluetooth({ uuid: "SerialPort" }), NetError);
    assertEquals([error.code, error.port], ["EADDRINUSE", 1]);
    const named = { uuid: "SerialPort", localAddress: far };
    assertThrows(
      () => listenBluetooth(named),
      NetError,
      "another SDP server (bluetoothd?) answers",
    );
  },
);
