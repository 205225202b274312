// Reads what remote read answers: protobuf messages as lists of fields, frames, and chunks by the
// description of their format in Prometheus's documentation.

import assert from "node:assert/strict";

/** A message as [[number, value], …]: BigInt for varints, Buffer for the rest. */
export function fields(bytes) {
  const out = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    if ((tag & 7) === 0) out.push([number, varint()]);
    else {
      const n = (tag & 7) === 1 ? 8 : Number(varint());
      out.push([number, bytes.subarray(at, at + n)]);
      at += n;
    }
  }
  return out;
}

export const all = (message, number) => message.filter(([n]) => n === number).map(([, value]) => value);
export const one = (message, number) => all(message, number).at(-1);
export const int = (value) => (value === undefined ? 0 : Number(BigInt.asIntN(64, value)));
export const text = (value) => (value === undefined ? "" : value.toString());
export const double = (value) => (value === undefined ? 0 : value.readDoubleLE());

export const labels = (message) =>
  Object.fromEntries(all(message, 1).map((pair) => fields(pair)).map((pair) => [text(one(pair, 1)), text(one(pair, 2))]));

function crc32c(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/** The frames of a streamed answer: ChunkedReadResponse messages whose checksums are right. */
export function frames(bytes) {
  const out = [];
  for (let at = 0; at < bytes.length; ) {
    let n = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      n += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const crc = bytes.readUInt32BE(at);
    const data = bytes.subarray(at + 4, at + 4 + n);
    assert.equal(crc32c(data), crc, "the frame's checksum");
    out.push(fields(data));
    at += 4 + n;
  }
  return out;
}

class Bits {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  bit() {
    const bit = (this.bytes[this.at >> 3] >> (7 - (this.at & 7))) & 1;
    this.at++;
    return bit;
  }

  take(n) {
    let value = 0n;
    for (let i = 0; i < n; i++) value = (value << 1n) | BigInt(this.bit());
    return value;
  }

  signed(n) {
    const value = this.take(n);
    return value > 1n << BigInt(n - 1) ? value - (1n << BigInt(n)) : BigInt.asIntN(64, value);
  }

  uvarint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.take(8);
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  }

  varint() {
    const value = this.uvarint();
    return value & 1n ? -(value >> 1n) - 1n : value >> 1n;
  }

  /** Ones, ended by a zero or after `most`. */
  ones(most) {
    let n = 0;
    while (n < most && this.bit()) n++;
    return n;
  }

  varbit(signed) {
    const n = this.ones(8);
    if (n === 0) return 0n;
    if (n === 8) return signed ? BigInt.asIntN(64, this.take(64)) : this.take(64);
    const size = [3, 6, 9, 12, 18, 25, 56][n - 1];
    return signed ? this.signed(size) : this.take(size);
  }

  double() {
    return toDouble(this.take(64));
  }
}

function toDouble(bits) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(bits);
  return bytes.readDoubleBE();
}

/** [[unixMs, value], …] */
export function xorChunk(bytes) {
  const b = new Bits(bytes);
  const out = [];
  const n = Number(b.take(16));
  let t = 0n, delta = 0n, value = 0n, leading = 0, trailing = 0;
  for (let i = 0; i < n; i++) {
    if (i === 0) {
      t = b.varint();
      value = b.take(64);
    } else {
      if (i === 1) delta = b.uvarint();
      else {
        const size = b.ones(4);
        if (size) delta += size === 4 ? BigInt.asIntN(64, b.take(64)) : b.signed([14, 17, 20][size - 1]);
      }
      t += delta;
      if (b.bit()) {
        if (b.bit()) {
          leading = Number(b.take(5));
          trailing = 64 - leading - (Number(b.take(6)) || 64);
        }
        value ^= b.take(64 - leading - trailing) << BigInt(trailing);
      }
    }
    out.push([Number(t), toDouble(value)]);
  }
  return out;
}

/** The first histogram of a float-histogram chunk. */
export function floatHistogramChunk(bytes) {
  const b = new Bits(bytes);
  b.take(24);
  const zero = Number(b.take(8));
  const zeroThreshold = zero === 0 ? 0 : zero === 255 ? b.double() : 2 ** (zero - 244);
  const schema = Number(b.varbit(true));
  const spans = () => {
    const n = Number(b.varbit(false));
    return Array.from({ length: n }, () => {
      const length = Number(b.varbit(false));
      return [Number(b.varbit(true)), length];
    });
  };
  const [positiveSpans, negativeSpans] = [spans(), spans()];
  const bound = () => {
    const thousandths = Number(b.varbit(false));
    return thousandths ? (thousandths - 1) / 1000 : b.double();
  };
  const bounds = schema === -53 ? Array.from({ length: Number(b.varbit(false)) }, bound) : [];
  const t = Number(b.varbit(true));
  const [count, zeroCount, sum] = [b.double(), b.double(), b.double()];
  const counts = (list) => list.flatMap(([, n]) => Array.from({ length: n }, () => b.double()));
  return { t, schema, zeroThreshold, bounds, count, zeroCount, sum, positiveSpans, negativeSpans, positive: counts(positiveSpans), negative: counts(negativeSpans) };
}
