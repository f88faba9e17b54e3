/**
 * TCP, TLS, Unix sockets, UDP and Bluetooth; proxies; message framing; and the byte transports that everything else
 * stands on.
 *
 * - {@linkcode connect} and {@linkcode createServer}: Node's and Luvit's sockets and the web's streams, on one object.
 *   {@linkcode createSecureServer} and {@linkcode connectTls} for TLS, {@linkcode DatagramSocket} for UDP.
 * - {@linkcode dial}: a connection by its URL or name, through proxies if need be, under one deadline and a
 *   {@linkcode DialPolicy}.
 * - {@linkcode MessageSocket}: messages in place of bytes, by one of eleven framings such as {@linkcode jsonLinesFramer}.
 * - {@linkcode Transport}: what carries bytes. {@linkcode pair} makes two that are connected, for tests without ports.
 *
 * @example A server that answers in lines, and its client
 * ```ts
 * import { connect, createServer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((socket) => {
 *   socket.on("data", (chunk) => socket.write(String(chunk).toUpperCase()));
 * }).listen(0, "127.0.0.1");
 *
 * await using socket = connect(server.port, "127.0.0.1");
 * socket.end("hello\n");
 * let text = "";
 * for await (const chunk of socket) text += chunk;
 * assertEquals(text, "HELLO\n");
 * await server.close();
 * ```
 *
 * @module
 */
export * from "./accept_failures.ts";
export * from "./admission_control.ts";
export * from "./bluetooth.ts";
export * from "./bluetooth_address.ts";
export * from "./bluetooth_discovery.ts";
export * from "./bluetooth_listener.ts";
export * from "./bluetooth_uuid.ts";
export * from "./budget.ts";
export * from "./budget_share.ts";
export * from "./clock.ts";
export * from "./cobs_framer.ts";
export * from "./connect.ts";
export * from "./connect_options.ts";
export * from "./connect_tls.ts";
export * from "./content_length_framer.ts";
export * from "./create_server.ts";
export * from "./datagram_options.ts";
export * from "./datagram_socket.ts";
export * from "./delimiter_framer.ts";
export * from "./dial.ts";
export * from "./dial_policy.ts";
export * from "./error_of.ts";
export * from "./errors.ts";
export * from "./fixed_size_framer.ts";
export * from "./framer.ts";
export * from "./framing_buffer.ts";
export * from "./framing_error.ts";
export * from "./framing_stream.ts";
export * from "./host.ts";
export * from "./http_connect.ts";
export * from "./http_connect_handshake.ts";
export * from "./infrared.ts";
export * from "./ip.ts";
export * from "./json_lines_framer.ts";
export * from "./length_prefix_framer.ts";
export * from "./limits.ts";
export * from "./line_framer.ts";
export * from "./listen_tcp.ts";
export * from "./listen_tls.ts";
export * from "./listener_no_delay.ts";
export * from "./lookup.ts";
export * from "./lookup_options.ts";
export * from "./max_delay.ts";
export * from "./message_socket.ts";
export * from "./netstring_framer.ts";
export * from "./no_proxy.ts";
export * from "./node_transport.ts";
export * from "./option_names.ts";
export * from "./os_error.ts";
export * from "./pair.ts";
export * from "./prefixed_transport.ts";
export * from "./proxy_chain.ts";
export * from "./proxy_environment.ts";
export * from "./proxy_error.ts";
export * from "./proxy_protocol.ts";
export * from "./proxy_protocol_encoder.ts";
export * from "./proxy_protocol_parser.ts";
export * from "./proxy_protocol_transport.ts";
export * from "./proxy_url.ts";
export * from "./raw_framer.ts";
export * from "./read_ahead_transport.ts";
export * from "./reader.ts";
export * from "./resettable_transport.ts";
export * from "./sdp.ts";
export * from "./sdp_database.ts";
export * from "./sdp_pdu.ts";
export * from "./sdp_query.ts";
export * from "./sdp_record.ts";
export * from "./sdp_service.ts";
export * from "./secure_context.ts";
export * from "./secure_server.ts";
export * from "./server.ts";
export * from "./server_options.ts";
export * from "./size_header_framer.ts";
export * from "./socket.ts";
export * from "./socket_options.ts";
export * from "./socks5.ts";
export * from "./socks5_client_handshake.ts";
export * from "./socks5_codec.ts";
export * from "./socks5_datagram_relay.ts";
export * from "./socks5_server.ts";
export * from "./socks5_server_handshake.ts";
export * from "./socks5_server_options.ts";
export * from "./start_tls.ts";
export * from "./start_tls_options.ts";
export * from "./tls_error.ts";
export * from "./tls_options.ts";
export * from "./transport.ts";
export * from "./transport_settings.ts";
export * from "./turn_slices.ts";
export * from "./wait.ts";
export * from "./write_all.ts";
export * from "./write_hold.ts";
export * from "./writer.ts";
