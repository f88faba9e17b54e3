// Floor 0: vocabulary.

/**
 * How the messages of a named socket are told from each other on the wire: the modes of WLangage's `SocketChangeModeTransmission`. Both sides
 * must use the same.
 *
 * The values of `END_MARKER` and `NO_MARKER` are WLangage's. Of the other two it is known that they are 1 and 2, but not which is
 * which; a program that uses the names does not depend on it.
 */
export const TransmissionMode: {
  /** `SocketMarqueurFin` (`SocketEndTag`): the bytes, then the marker; U+001A (the EOF of old text files) unless another one is set. */
  readonly END_MARKER: 0;
  /** `SocketTailleDébut`, the mode of a new socket: the length in bytes as a decimal number, CRLF, the bytes: `11\r\nHello World`. */
  readonly SIZE_HEADER: 1;
  /** `SocketMarqueurFinBuffer` (`SocketEndTagBuffer`): on the wire the same as `END_MARKER`; reading is buffered in all modes here. */
  readonly END_MARKER_BUFFERED: 2;
  /** `SocketSansMarqueurFin` (`SocketNoEndTag`): the bytes as they are; what one `read` gives depends on how they come. */
  readonly NO_MARKER: 3;
} = Object.freeze({ END_MARKER: 0, SIZE_HEADER: 1, END_MARKER_BUFFERED: 2, NO_MARKER: 3 });

/** One of the values of {@linkcode TransmissionMode}. */
export type TransmissionMode = typeof TransmissionMode[keyof typeof TransmissionMode];

/**
 * The end marker of the modes that have one, unless another one is set: the character U+001A, one byte.
 *
 * @example
 * ```ts
 * import { DEFAULT_END_MARKER } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(DEFAULT_END_MARKER, "\x1a");
 * ```
 */
export const DEFAULT_END_MARKER = "\x1a";

/** What `clientInfo` is asked for. WLangage's values are not known; these are this library's. */
export const ClientInfo: {
  /** `SocketAdresse` (`SocketAddress`): the IP address, or the address of a Bluetooth device. */
  readonly ADDRESS: 1;
  /** `SocketPort`: the port, or the Bluetooth channel. */
  readonly PORT: 2;
} = Object.freeze({ ADDRESS: 1, PORT: 2 });

/** One of the values of {@linkcode ClientInfo}. */
export type ClientInfo = typeof ClientInfo[keyof typeof ClientInfo];

/** What the callback of `webSocketClientConnect` is called for. WLangage's values are not known; these are this library's. */
export const SocketBookEvent: {
  /** `SocketOuverture` (`SocketOpening`): the connection is there. */
  readonly OPENING: 1;
  /** `SocketMessage`: a message came. */
  readonly MESSAGE: 2;
  /** `SocketFermeture` (`SocketClosing`): the connection has ended. */
  readonly CLOSING: 3;
  /** `SocketErreur` (`SocketError`): the connection could not be made, or broke. */
  readonly ERROR: 4;
} = Object.freeze({ OPENING: 1, MESSAGE: 2, CLOSING: 3, ERROR: 4 });

/** One of the values of {@linkcode SocketBookEvent}. */
export type SocketBookEvent = typeof SocketBookEvent[keyof typeof SocketBookEvent];

/** The flags of WLangage's `Socket.Option`, which `parameter` takes beside an object. WLangage's values are not known; these are this library's. */
export const SocketBookOption: {
  /** `SocketNagleOff`: small writes are sent at once. */
  readonly NAGLE_OFF: 1;
  /** `SocketAdresseUnique`: a port that somebody listens on is not shared. */
  readonly UNIQUE_ADDRESS: 2;
} = Object.freeze({ NAGLE_OFF: 1, UNIQUE_ADDRESS: 2 });

/** Versions of SSL and TLS as flags, as WLangage's `ProtocoleTLS1_2` and so on. What is older than TLS 1.2 is not to be had. */
export const TlsProtocol: {
  /** `ProtocoleSSL2`. */
  readonly SSL2: 1;
  /** `ProtocoleSSL3`. */
  readonly SSL3: 2;
  /** `ProtocoleTLS1`. */
  readonly TLS1: 4;
  /** `ProtocoleTLS1_1`. */
  readonly TLS1_1: 8;
  /** `ProtocoleTLS1_2`. */
  readonly TLS1_2: 16;
  /** `ProtocoleTLS1_3`. */
  readonly TLS1_3: 32;
} = Object.freeze({ SSL2: 1, SSL3: 2, TLS1: 4, TLS1_1: 8, TLS1_2: 16, TLS1_3: 32 });
