/** Every fuzz target, for the tests of CI and for `deno task fuzz`. */
import type { FuzzTarget } from "../_support/fuzz.ts";
import { BUFFER_TARGETS } from "./targets/buffer.ts";
import { CONNECTION_TARGETS } from "./targets/connections.ts";
import { DIFFERENTIAL_TARGETS } from "./targets/differential.ts";
import { NET_TARGETS } from "./targets/net.ts";
import { SOCKETIO_TARGETS } from "./targets/socketio.ts";
import { TRACE_TARGETS } from "./targets/trace.ts";
import { WEBSOCKET_TARGETS } from "./targets/websocket.ts";

/** Every fuzz target, by module. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...BUFFER_TARGETS,
  ...NET_TARGETS,
  ...WEBSOCKET_TARGETS,
  ...SOCKETIO_TARGETS,
  ...TRACE_TARGETS,
  ...CONNECTION_TARGETS,
  ...DIFFERENTIAL_TARGETS,
];
