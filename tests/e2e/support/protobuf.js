// Protobuf by hand: a few functions that return bytes. The tests write with it what no library would
// (wrong wire types, lengths that lie), so it stays this low.

export const concat = (...parts) => Buffer.concat(parts.flat(Infinity));

/** @param {number | bigint} value negative numbers as two's complement of 64 bits, like int64 */
export function varint(value) {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out = [];
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
}

const zigzag = (value) => (BigInt(value) << 1n) ^ (BigInt(value) >> 63n);
const tag = (number, wireType) => varint((number << 3) | wireType);

export const int = (number, value) => concat(tag(number, 0), varint(value));
export const sint = (number, value) => int(number, zigzag(value));

export function double(number, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return concat(tag(number, 1), bytes);
}

export function fixed64(number, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return concat(tag(number, 1), bytes);
}

export const bytes = (number, value) => concat(tag(number, 2), varint(value.length), value);
export const string = (number, value) => bytes(number, Buffer.from(value));
export const message = (number, ...fields) => bytes(number, concat(fields));
export const packed = (number, encode, values) => bytes(number, concat(values.map(encode)));
export const packedSint = (number, values) => packed(number, (v) => varint(zigzag(v)), values);
export const packedInt = (number, values) => packed(number, varint, values);

export function packedDouble(number, values) {
  const body = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => body.writeDoubleLE(value, 8 * i));
  return bytes(number, body);
}
