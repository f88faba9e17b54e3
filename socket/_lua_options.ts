// Floor 1: codec.

/**
 * Refuses options of `connectWebSocket` that a client of lua-websockets would not hear.
 *
 * @param time The name of the option that says how long connecting may take.
 * @throws {TypeError} With the option's name, and what to use in place of it.
 */
export function checkLuaOptions(options: object, time: "timeout" | "connectTimeout"): void {
  const elsewhere: Readonly<Record<string, string>> = {
    connectTimeout: `is \`${time}\` here`,
    handshakeTimeout: `is a part of \`${time}\` here`,
    protocols: "go to connect()",
    ...(time === "connectTimeout" && { signal: "is none here, close() ends all" }),
    timeout: `is \`${time}\` here`,
    tls: "goes to connect()",
  };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || name === time) continue;
    if (!Object.hasOwn(elsewhere, name)) continue;
    throw new TypeError(`Cannot make a WebSocket client: \`${name}\` ${elsewhere[name]}`);
  }
}
