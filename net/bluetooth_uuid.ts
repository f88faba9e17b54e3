// Floor 1: codec.

/** The 96 bits that turn a 16- or 32-bit Bluetooth UUID into a whole one (Core specification, Vol 3, Part B, §2.5.1). */
const BASE = "-0000-1000-8000-00805f9b34fb";

/**
 * The names of the assigned service classes and protocols, and their 16-bit UUIDs
 * (Bluetooth Assigned Numbers, "Service Discovery").
 *
 * {@linkcode bluetoothUuid} takes them plain (`SerialPort`) and as the Windows headers and WLangage write them
 * (`SerialPortServiceClass_UUID`, `RFCOMM_PROTOCOL_UUID`), in either case.
 *
 * @example
 * ```ts
 * import { BLUETOOTH_UUIDS, bluetoothUuid } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(BLUETOOTH_UUIDS.SerialPort, 0x1101);
 * assertEquals(bluetoothUuid("SerialPort"), bluetoothUuid(0x1101));
 * ```
 */
export const BLUETOOTH_UUIDS: Readonly<Record<string, number>> = {
  SDP: 0x0001,
  UDP: 0x0002,
  RFCOMM: 0x0003,
  TCP: 0x0004,
  TCSBIN: 0x0005,
  TCSAT: 0x0006,
  ATT: 0x0007,
  OBEX: 0x0008,
  IP: 0x0009,
  FTP: 0x000a,
  HTTP: 0x000c,
  WSP: 0x000e,
  BNEP: 0x000f,
  HIDP: 0x0011,
  HCCC: 0x0012,
  HCDC: 0x0014,
  HCN: 0x0016,
  AVCTP: 0x0017,
  AVDTP: 0x0019,
  CMPT: 0x001b,
  UDI_C_PLANE: 0x001d,
  L2CAP: 0x0100,
  ServiceDiscoveryServer: 0x1000,
  BrowseGroupDescriptor: 0x1001,
  PublicBrowseGroup: 0x1002,
  SerialPort: 0x1101,
  LANAccessUsingPPP: 0x1102,
  DialupNetworking: 0x1103,
  IrMCSync: 0x1104,
  OBEXObjectPush: 0x1105,
  OBEXFileTransfer: 0x1106,
  IrMCSyncCommand: 0x1107,
  Headset: 0x1108,
  CordlessTelephony: 0x1109,
  AudioSource: 0x110a,
  AudioSink: 0x110b,
  AVRemoteControlTarget: 0x110c,
  AdvancedAudioDistribution: 0x110d,
  AVRemoteControl: 0x110e,
  AVRemoteControlController: 0x110f,
  VideoConferencing: 0x110f,
  Intercom: 0x1110,
  Fax: 0x1111,
  HeadsetAudioGateway: 0x1112,
  WAP: 0x1113,
  WAPClient: 0x1114,
  PANU: 0x1115,
  NAP: 0x1116,
  GN: 0x1117,
  DirectPrinting: 0x1118,
  ReferencePrinting: 0x1119,
  Imaging: 0x111a,
  ImagingResponder: 0x111b,
  ImagingAutomaticArchive: 0x111c,
  ImagingReferenceObjects: 0x111d,
  ImagingReferencedObjects: 0x111d,
  Handsfree: 0x111e,
  HandsfreeAudioGateway: 0x111f,
  DirectPrintingReferenceObjects: 0x1120,
  ReflectedUI: 0x1121,
  ReflectsUI: 0x1121,
  BasicPrinting: 0x1122,
  PrintingStatus: 0x1123,
  HumanInterfaceDevice: 0x1124,
  HardcopyCableReplacement: 0x1125,
  HCRPrint: 0x1126,
  HCRScan: 0x1127,
  CommonISDNAccess: 0x1128,
  VideoConferencingGW: 0x1129,
  UDIMT: 0x112a,
  UDITA: 0x112b,
  AudioVideo: 0x112c,
  SIMAccess: 0x112d,
  PhonebookAccessPce: 0x112e,
  PhonebookAccessPse: 0x112f,
  PhonebookAccess: 0x1130,
  HeadsetHS: 0x1131,
  MessageAccessServer: 0x1132,
  MessageNotificationServer: 0x1133,
  MessageAccessProfile: 0x1134,
  PnPInformation: 0x1200,
  GenericNetworking: 0x1201,
  GenericFileTransfer: 0x1202,
  GenericAudio: 0x1203,
  GenericTelephony: 0x1204,
  UPnp: 0x1205,
  UPnpIp: 0x1206,
  ESdpUpnpIpPan: 0x1300,
  ESdpUpnpIpLap: 0x1301,
  ESdpUpnpL2cap: 0x1302,
  VideoSource: 0x1303,
  VideoSink: 0x1304,
  VideoDistribution: 0x1305,
  HealthDevice: 0x1400,
  HealthDeviceSource: 0x1401,
  HealthDeviceSink: 0x1402,
};

const BY_NAME: ReadonlyMap<string, number> = new Map(
  Object.entries(BLUETOOTH_UUIDS).map(([name, value]) => [name.toLowerCase(), value]),
);

const NAME = /^(.*?)(_protocol|serviceclass(?:id)?)?(?:_uuid)?$/;

function fromNumber(value: number): string {
  return value.toString(16).padStart(8, "0") + BASE;
}

/**
 * Turns any usual form of a service UUID into the whole one: lower case, with hyphens.
 *
 * Taken are a number of 16 or 32 bits (`0x1101`), the same in hex (`"1101"`, `"0x1101"`), a whole UUID with or without
 * hyphens and braces, and the name of an assigned one, plain or in the form of the Windows headers and WLangage.
 *
 * @throws {TypeError} if `value` is none of these.
 *
 * @example
 * ```ts
 * import { bluetoothUuid } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(bluetoothUuid("SerialPortServiceClass_UUID"), "00001101-0000-1000-8000-00805f9b34fb");
 * assertEquals(bluetoothUuid(0x1101), bluetoothUuid("{00001101-0000-1000-8000-00805F9B34FB}"));
 * ```
 */
export function bluetoothUuid(value: string | number): string {
  if (typeof value === "number") {
    if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return fromNumber(value);
  } else if (typeof value === "string") {
    const text = value.trim();
    const short = /^(?:0x)?([0-9a-f]{4}|[0-9a-f]{8})$/i.exec(text);
    if (short !== null) return fromNumber(parseInt(short[1], 16));
    const whole =
      /^(\{?)([0-9a-f]{8})(-?)([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{12})(\}?)$/i
        .exec(text);
    if (whole !== null && (whole[1] === "{") === (whole[8] === "}")) {
      return [whole[2], whole[4], whole[5], whole[6], whole[7]].join("-").toLowerCase();
    }
    const [, name, kind] = NAME.exec(text.toLowerCase()) ?? [];
    const known = BY_NAME.get(name ?? "");
    // Protocols have the numbers below 0x1000, service classes the others.
    if (
      known !== undefined && (kind === undefined || (kind === "_protocol") === (known < 0x1000))
    ) return fromNumber(known);
  }
  throw new TypeError(
    `Not a Bluetooth service UUID: ${
      JSON.stringify(value)
    }; expected are a 16-, 32- or 128-bit UUID ` +
      `or a name such as "SerialPortServiceClass_UUID"`,
  );
}

/**
 * The 16- or 32-bit number of a whole UUID, or `undefined` if it is not an assigned (short) one.
 *
 * @example
 * ```ts
 * import { shortBluetoothUuid } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(shortBluetoothUuid("00001101-0000-1000-8000-00805f9b34fb"), 0x1101);
 * assertEquals(shortBluetoothUuid("12345678-9abc-def0-1234-56789abcdef0"), undefined);
 * ```
 */
export function shortBluetoothUuid(uuid: string): number | undefined {
  const whole = bluetoothUuid(uuid);
  return whole.endsWith(BASE) ? parseInt(whole.slice(0, 8), 16) : undefined;
}
