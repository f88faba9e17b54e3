// Floor 3: driver.
import { loadLibc } from "./_bluetooth_libc.ts";
import { FfiSocket } from "./_bluetooth_socket.ts";
import {
  AF_BLUETOOTH,
  type BluetoothEnd,
  SystemError,
  systemToNetError,
} from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";

/** A failure in words that help: the kernel without Bluetooth gets its own. */
export function explain(error: unknown, what: string, end?: Partial<BluetoothEnd>): unknown {
  const facts = { address: end?.address, port: end?.port };
  if (!(error instanceof SystemError) || error.syscall !== "socket") {
    return systemToNetError(error, what, facts);
  }
  const { code } = systemToNetError(error, what) as NetError;
  if (code !== "EAFNOSUPPORT") return systemToNetError(error, what, facts);
  return new NetError(
    `${what}: EAFNOSUPPORT, this system has no Bluetooth sockets ` +
      "(Linux with the modules bluetooth and rfcomm has them)",
    { ...facts, code, syscall: "socket", cause: error },
  );
}

/** @throws {SystemError | NetError} */
export function openSocket(type: number, protocol: number, what: string): FfiSocket {
  return FfiSocket.create(loadLibc(what), AF_BLUETOOTH, type, protocol);
}
