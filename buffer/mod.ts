export * from "./byte_queue.ts";
export * from "./utf8.ts";
