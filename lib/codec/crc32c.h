/* CRC-32C (Castagnoli), the checksum of remote read's frames. */
#ifndef TELLTALE_CODEC_CRC32C_H
#define TELLTALE_CODEC_CRC32C_H

#include <stdint.h>

#include "base/str.h"

uint32_t crc32c(struct str s);

#endif
