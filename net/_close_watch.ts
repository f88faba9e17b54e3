// Floor 3: driver.

/**
 * Has `told` called when a `Socket` closes, just before its event `close`, also when the user has removed all of its
 * listeners. There is one for each socket. The class sets it up.
 */
export const closeWatch: { set(socket: object, told: (socket: object) => void): void } = {
  set: () => {},
};
