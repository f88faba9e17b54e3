import { interopTests, WS_ON_DENO, WS_ON_NODE } from "../_support/websocket_interop.ts";
import { serve } from "../_support/websocket_server.ts";

for (const program of [WS_ON_NODE, WS_ON_DENO]) {
  interopTests(program, ({ handler, deflate }) =>
    serve({
      protocols: { interop: handler },
      perMessageDeflate: deflate,
    }));
}
