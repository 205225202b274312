// Zstandard frames by hand, as Node 18 has no zstd: what arrives uncompressed in raw blocks, or a few
// bytes that claim to be very many in run-length blocks (RFC 8878, 3.1.1).

const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const BLOCK_MAX = 128 * 1024;
const RAW = 0;
const RUN = 1;

function blockHeader(last, type, size) {
  const header = (size << 3) | (type << 1) | (last ? 1 : 0);
  return Buffer.from([header & 255, (header >> 8) & 255, (header >> 16) & 255]);
}

// No content size, no dictionary, no checksum; a window of 128 KiB (exponent 7: 2^(10+7)).
const frameHeader = () => Buffer.from([0x00, 7 << 3]);

/** A valid frame of `data`. */
export function zstdFrame(data) {
  const parts = [MAGIC, frameHeader()];
  for (let at = 0; at === 0 || at < data.length; at += BLOCK_MAX) {
    const piece = data.subarray(at, at + BLOCK_MAX);
    parts.push(blockHeader(at + BLOCK_MAX >= data.length, RAW, piece.length), piece);
  }
  return Buffer.concat(parts);
}

/** A small frame that unpacks to `size` bytes of `byte`. */
export function zstdBomb(size, byte = 0) {
  const parts = [MAGIC, frameHeader()];
  for (let left = size; left > 0; left -= BLOCK_MAX) {
    parts.push(blockHeader(left <= BLOCK_MAX, RUN, Math.min(left, BLOCK_MAX)), Buffer.from([byte]));
  }
  return Buffer.concat(parts);
}
