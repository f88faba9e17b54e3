/**
 * TCP, TLS, Unix sockets, UDP and Bluetooth; proxies; message framing; and the byte transports that everything else
 * stands on.
 *
 * @module
 */
export * from "./clock.ts";
export * from "./dial_policy.ts";
export * from "./errors.ts";
export * from "./host.ts";
export * from "./ip.ts";
export * from "./os_error.ts";
export * from "./pair.ts";
export * from "./reader.ts";
export * from "./transport.ts";
export * from "./wait.ts";
export * from "./writer.ts";
