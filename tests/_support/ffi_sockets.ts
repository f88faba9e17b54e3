/**
 * Sockets of families that every Linux has, driven through the same code as Bluetooth's: so most of that code is tested on
 * machines without Bluetooth.
 */
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { SOCK_STREAM } from "../../net/_bluetooth_sys.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;

/** Whether there is a C library to test with. */
export const HAS_FFI = Deno.build.os === "linux";

/**
 * The addresses of two Bluetooth adapters that reach each other. `tools/bluetooth_vm.ts` brings them and names them; without
 * them the tests that take them are skipped.
 */
export const ADAPTERS = Deno.env.get("SLUICE_BLUETOOTH_ADAPTERS")?.split(",") ?? [];

/** Registers a test that takes {@linkcode ADAPTERS}. */
export function bluetoothTest(
  name: string,
  fn: (near: string, far: string, t: Deno.TestContext) => void | Promise<void>,
): void {
  const [near, far] = ADAPTERS;
  const ignore = near === undefined || far === undefined;
  Deno.test({
    name: ignore ? `${name} (runs in deno task bluetooth:vm)` : name,
    ignore,
    fn: (t) => fn(near, far, t),
  });
}

/** Whether this kernel has sockets of that family. */
export function hasFamily(domain: number, protocol: number): boolean {
  if (!HAS_FFI) return false;
  try {
    const libc = loadLibc("probe");
    libc.close(libc.socket(domain, SOCK_STREAM, protocol));
    return true;
  } catch {
    return false;
  }
}

let count = 0;

/** struct sockaddr_un with a name in the abstract namespace, which leaves no file. */
export function abstractAddr(): Uint8Array<ArrayBuffer> {
  const name = `sluice-test-${Deno.pid}-${count++}`;
  return Uint8Array.of(AF_UNIX, 0, 0, ...new TextEncoder().encode(name));
}

/** struct sockaddr_in on loopback. */
export function loopbackAddr(port: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** The port in a struct sockaddr_in. */
export function loopbackPort(address: Uint8Array): number {
  return address[2] << 8 | address[3];
}

export function listenUnix(type = SOCK_STREAM): { socket: FfiSocket; address: Uint8Array } {
  const address = abstractAddr();
  const socket = FfiSocket.create(loadLibc("test"), AF_UNIX, type, 0);
  socket.bind(address);
  socket.listen(16);
  return { socket, address };
}

/** Two connected sockets. */
export async function socketPair(type = SOCK_STREAM): Promise<[FfiSocket, FfiSocket]> {
  const { socket: listener, address } = listenUnix(type);
  const client = FfiSocket.create(loadLibc("test"), AF_UNIX, type, 0);
  await client.connect(address);
  const { socket: server } = await listener.accept(110);
  listener.close();
  return [client, server];
}
