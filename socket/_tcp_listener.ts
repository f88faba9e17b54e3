// Floor 3: driver.
import { formatEndpoint, toNetError } from "../net/os_error.ts";

/**
 * Listens on a TCP port: of one address, or of all, IPv6 and IPv4; of IPv4 alone where there is no IPv6.
 *
 * @throws {NetError} With Node's code.
 */
export function listenTcp(
  port: number,
  address: string | undefined,
  backlog: number | undefined,
): Deno.TcpListener {
  const listen = (hostname: string) => Deno.listen({ port, hostname, tcpBacklog: backlog });
  try {
    if (address !== undefined) return listen(address);
    try {
      return listen("::");
    } catch (error) {
      const { code } = toNetError(error, { syscall: "listen" });
      if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL") throw error;
      return listen("0.0.0.0");
    }
  } catch (error) {
    const place = address ?? "::";
    const what = `Cannot listen on "${formatEndpoint(place, port)}"`;
    throw toNetError(error, { syscall: "listen", address: place, port, what });
  }
}
