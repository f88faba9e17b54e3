// Writes and reads with POCO's BinaryWriter and BinaryReader what the lines on stdin ask for, one answer a line.
//
//   W encoding order     begins a writer; then a line for each value: type value
//   R encoding order hex begins a reader of these bytes; then a line for each value: type. Answers the value.
//   .                    ends it. Answers the bytes written, or those left, in hex.
//   T encoding           answers the code point of each byte from 00 to ff, -1 for none.
//
// Texts and raw bytes are in hex (of their UTF-8), floats the hex of their bits, the highest digit first.
#include <Poco/BinaryReader.h>
#include <Poco/BinaryWriter.h>
#include <Poco/TextEncoding.h>
#include <cstring>
#include <iostream>
#include <sstream>
#include <stdexcept>

using namespace Poco;

static std::string toHex(const std::string& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char byte : bytes) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

static std::string fromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += (char)std::stoi(hex.substr(i, 2), nullptr, 16);
  return bytes;
}

static BinaryWriter::StreamByteOrder writeOrder(const std::string& order) {
  if (order == "little") return BinaryWriter::LITTLE_ENDIAN_BYTE_ORDER;
  if (order == "big") return BinaryWriter::BIG_ENDIAN_BYTE_ORDER;
  if (order == "network") return BinaryWriter::NETWORK_BYTE_ORDER;
  return BinaryWriter::NATIVE_BYTE_ORDER;
}

static BinaryReader::StreamByteOrder readOrder(const std::string& order) {
  return (BinaryReader::StreamByteOrder)writeOrder(order);
}

template <typename To, typename From>
static To bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

static void write(BinaryWriter& writer, const std::string& type, const std::string& value) {
  if (type == "i8") writer << (signed char)std::stoi(value);
  else if (type == "u8") writer << (unsigned char)std::stoi(value);
  else if (type == "i16") writer << (Int16)std::stoi(value);
  else if (type == "u16") writer << (UInt16)std::stoi(value);
  else if (type == "i32") writer << (Int32)std::stol(value);
  else if (type == "u32") writer << (UInt32)std::stoul(value);
  else if (type == "i64") writer << (Int64)std::stoll(value);
  else if (type == "u64") writer << (UInt64)std::stoull(value);
  else if (type == "f32") writer << bits<float>((UInt32)std::stoul(value, nullptr, 16));
  else if (type == "f64") writer << bits<double>((UInt64)std::stoull(value, nullptr, 16));
  else if (type == "v32") writer.write7BitEncoded((UInt32)std::stoul(value));
  else if (type == "v64") writer.write7BitEncoded((UInt64)std::stoull(value));
  else if (type == "string") writer << fromHex(value);
  else if (type == "raw") writer.writeRaw(fromHex(value));
  else throw std::runtime_error("no type " + type);
}

template <typename T>
static T get(BinaryReader& reader) {
  T value{};
  reader >> value;
  return value;
}

static std::string hexNumber(UInt64 value) {
  std::ostringstream text;
  text << std::hex << value;
  return text.str();
}

static std::string read(BinaryReader& reader, const std::string& type) {
  if (type == "i8") return std::to_string((int)get<signed char>(reader));
  if (type == "u8") return std::to_string((int)get<unsigned char>(reader));
  if (type == "i16") return std::to_string(get<Int16>(reader));
  if (type == "u16") return std::to_string(get<UInt16>(reader));
  if (type == "i32") return std::to_string(get<Int32>(reader));
  if (type == "u32") return std::to_string(get<UInt32>(reader));
  if (type == "i64") return std::to_string(get<Int64>(reader));
  if (type == "u64") return std::to_string(get<UInt64>(reader));
  if (type == "f32") return hexNumber(bits<UInt32>(get<float>(reader)));
  if (type == "f64") return hexNumber(bits<UInt64>(get<double>(reader)));
  if (type == "v32") {
    UInt32 value;
    reader.read7BitEncoded(value);
    return std::to_string(value);
  }
  if (type == "v64") {
    UInt64 value;
    reader.read7BitEncoded(value);
    return std::to_string(value);
  }
  if (type == "string") return toHex(get<std::string>(reader));
  throw std::runtime_error("no type " + type);
}

static void writer(const std::string& encoding, const std::string& order) {
  std::ostringstream out;
  BinaryWriter writer(out, TextEncoding::byName(encoding), writeOrder(order));
  std::string line;
  while (std::getline(std::cin, line) && line != ".") {
    std::istringstream words(line);
    std::string type, value;
    words >> type >> value;
    write(writer, type, value);
  }
  writer.flush();
  std::cout << toHex(out.str()) << "\n";
}

static void reader(const std::string& encoding, const std::string& order, const std::string& hex) {
  std::istringstream in(fromHex(hex));
  BinaryReader reader(in, TextEncoding::byName(encoding), readOrder(order));
  std::string type;
  while (std::getline(std::cin, type) && type != ".") {
    std::cout << read(reader, type) << (reader.good() ? "" : " failed") << "\n";
  }
  std::string rest;
  reader.readRaw(in.good() && in.peek() >= 0 ? reader.available() : 0, rest);
  std::cout << toHex(rest) << "\n";
}

static void table(const std::string& name) {
  TextEncoding& encoding = TextEncoding::byName(name);
  for (int byte = 0; byte < 256; byte++) {
    unsigned char bytes[1] = {(unsigned char)byte};
    std::cout << (byte ? " " : "") << encoding.convert(bytes);
  }
  std::cout << "\n";
}

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what, encoding, order, hex;
    words >> what >> encoding >> order >> hex;
    if (what == "W") writer(encoding, order);
    else if (what == "R") reader(encoding, order, hex);
    else if (what == "T") table(encoding);
    else throw std::runtime_error("no command " + what);
  }
  return 0;
}
