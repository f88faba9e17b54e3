/** Says what comes of a name on a machine without a network. Run by tests/faults/system_test.ts. */
import { dial } from "../../net/dial.ts";
import type { NetError } from "../../net/errors.ts";
import { lookupHost } from "../../net/lookup.ts";
import { Server } from "../../net/server.ts";
import { SyncWebSocket } from "../../socket/sync_web_socket.ts";

const told = ({ code, syscall, address }: NetError) => [code, syscall, address];

console.log(JSON.stringify({
  lookup: await lookupHost("example.org").catch(told),
  dial: await dial({ hostname: "example.org", port: 80 }).catch(told),
  listen: await new Promise((resolve) =>
    new Server().listen(0, "example.org").on("error", (error) => resolve(told(error as NetError)))
  ),
  lua: await new SyncWebSocket().connect("ws://example.org/"),
}));
