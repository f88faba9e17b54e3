/** The measure of a soak run's machine: an echo that nobody attacks. What the machine itself does shows there, too. */
import { type Ports, serveCommands } from "./wire.ts";

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

(async () => {
  for await (const conn of listener) conn.readable.pipeTo(conn.writable).catch(() => {});
})();

await serveCommands({
  ports: (): Pick<Ports, "tcp"> => ({ tcp: listener.addr.port }),
  stop: () => listener.close(),
});
