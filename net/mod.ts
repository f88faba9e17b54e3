/**
 * TCP, TLS, Unix sockets, UDP and Bluetooth; proxies; message framing; and the byte transports that everything else
 * stands on.
 *
 * @module
 */
export * from "./bluetooth.ts";
export * from "./bluetooth_address.ts";
export * from "./bluetooth_discovery.ts";
export * from "./bluetooth_listener.ts";
export * from "./bluetooth_uuid.ts";
export * from "./clock.ts";
export * from "./cobs_framer.ts";
export * from "./connect.ts";
export * from "./connect_options.ts";
export * from "./create_server.ts";
export * from "./datagram_socket.ts";
export * from "./delimiter_framer.ts";
export * from "./dial_policy.ts";
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
export * from "./line_framer.ts";
export * from "./lookup.ts";
export * from "./message_socket.ts";
export * from "./netstring_framer.ts";
export * from "./no_proxy.ts";
export * from "./os_error.ts";
export * from "./pair.ts";
export * from "./prefixed_transport.ts";
export * from "./proxy_chain.ts";
export * from "./proxy_environment.ts";
export * from "./proxy_error.ts";
export * from "./proxy_protocol.ts";
export * from "./proxy_protocol_encoder.ts";
export * from "./proxy_protocol_parser.ts";
export * from "./proxy_url.ts";
export * from "./raw_framer.ts";
export * from "./reader.ts";
export * from "./sdp.ts";
export * from "./sdp_database.ts";
export * from "./sdp_pdu.ts";
export * from "./sdp_query.ts";
export * from "./sdp_record.ts";
export * from "./sdp_service.ts";
export * from "./server.ts";
export * from "./server_options.ts";
export * from "./size_header_framer.ts";
export * from "./socket.ts";
export * from "./socket_options.ts";
export * from "./socks5.ts";
export * from "./socks5_client_handshake.ts";
export * from "./socks5_codec.ts";
export * from "./socks5_server_handshake.ts";
export * from "./transport.ts";
export * from "./wait.ts";
export * from "./writer.ts";
