// An echo server on the events of a secure `Socket`: deno run -A bench/servers/tls_echo.ts PORT [node|deno]
import { createSecureServer } from "../../net/secure_server.ts";
import type { TlsImplementation } from "../../net/tls_options.ts";

const read = (file: string): string =>
  Deno.readTextFileSync(new URL(`../../tests/_support/certs/${file}`, import.meta.url));

const server = createSecureServer({
  cert: read("server.pem"),
  key: read("server.key"),
  implementation: (Deno.args[1] ?? "node") as TlsImplementation,
}, (socket) => {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
});
await server.listen(Number(Deno.args[0]), "127.0.0.1");
