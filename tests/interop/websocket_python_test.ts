import { interopTests, PYTHON_WEBSOCKETS } from "../_support/websocket_interop.ts";
import { serve } from "../_support/websocket_server.ts";

interopTests(PYTHON_WEBSOCKETS, ({ handler, deflate }) =>
  serve({
    protocols: { interop: handler },
    perMessageDeflate: deflate,
  }));
