/* SPDX-License-Identifier: MIT */
/* Reads the headers of PNG, JPEG, GIF and WebP as far as the size, and a JPEG's EXIF as far as the
 * orientation. Called by kibray-inspect. */
#include "broker/image_header.h"

/* Markers of a JPEG. */
#define JPEG_SOI 0xD8u
#define JPEG_SOS 0xDAu
#define JPEG_EOI 0xD9u
#define JPEG_APP1 0xE1u
#define EXIF_ORIENTATION 0x0112u
#define EXIF_SHORT 3u
#define EXIF_ENTRY_BYTES 12u

/* Bytes behind the end are 0; who reads there has checked, or finds nothing that fits. */
static uint32_t byte_at(struct bytes b, size_t at)
{
    return at < b.len ? (unsigned char)b.ptr[at] : 0;
}

static uint32_t le16(struct bytes b, size_t at)
{
    return byte_at(b, at) | byte_at(b, at + 1) << 8;
}

static uint32_t be16(struct bytes b, size_t at)
{
    return byte_at(b, at) << 8 | byte_at(b, at + 1);
}

static uint32_t le24(struct bytes b, size_t at)
{
    return le16(b, at) | byte_at(b, at + 2) << 16;
}

static uint32_t le32(struct bytes b, size_t at)
{
    return le16(b, at) | le16(b, at + 2) << 16;
}

static uint32_t be32(struct bytes b, size_t at)
{
    return be16(b, at) << 16 | be16(b, at + 2);
}

static bool has_at(struct bytes b, size_t at, struct bytes text)
{
    return bytes_has_prefix(bytes_skip(b, at), text);
}

static bool set_size(struct image_header *out, enum image_format format, uint32_t width,
                     uint32_t height)
{
    *out = (struct image_header){format, width, height, 1};
    return width > 0 && height > 0;
}

static bool read_png(struct bytes b, struct image_header *out)
{
    return b.len >= 24 && has_at(b, 12, BYTES_LIT("IHDR")) &&
           set_size(out, IMAGE_PNG, be32(b, 16), be32(b, 20));
}

static bool read_gif(struct bytes b, struct image_header *out)
{
    return b.len >= 10 && set_size(out, IMAGE_GIF, le16(b, 6), le16(b, 8));
}

/* ---- JPEG ---- */

/* `exif`: what follows "Exif\0\0". 1 when it says nothing that makes sense. */
static unsigned char exif_orientation(struct bytes exif)
{
    bool is_little = bytes_has_prefix(exif, BYTES_LIT("II"));
    size_t at = is_little ? le32(exif, 4) : be32(exif, 4);
    uint32_t count = is_little ? le16(exif, at) : be16(exif, at);

    if (!is_little && !bytes_has_prefix(exif, BYTES_LIT("MM"))) {
        return 1;
    }
    at += 2;
    for (; count > 0 && at + EXIF_ENTRY_BYTES <= exif.len; count--, at += EXIF_ENTRY_BYTES) {
        uint32_t tag = is_little ? le16(exif, at) : be16(exif, at);
        uint32_t type = is_little ? le16(exif, at + 2) : be16(exif, at + 2);
        uint32_t value = is_little ? le16(exif, at + 8) : be16(exif, at + 8);

        if (tag == EXIF_ORIENTATION) {
            return type == EXIF_SHORT && value >= 1 && value <= 8 ? (unsigned char)value : 1;
        }
    }
    return 1;
}

static bool is_jpeg_frame(uint32_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static bool has_no_length(uint32_t marker)
{
    return marker == 0x01 || (marker >= 0xD0 && marker <= JPEG_SOI);
}

static bool read_jpeg(struct bytes b, struct image_header *out)
{
    unsigned char orientation = 1;
    size_t at = 2;

    while (at + 4 <= b.len && byte_at(b, at) == 0xFF) {
        uint32_t marker = byte_at(b, at + 1), len = be16(b, at + 2);

        if (marker == 0xFF) { /* fill */
            at++;
            continue;
        }
        if (has_no_length(marker)) {
            at += 2;
            continue;
        }
        if (marker == JPEG_SOS || marker == JPEG_EOI || len < 2) {
            return false;
        }
        if (is_jpeg_frame(marker)) {
            bool is_ok =
                at + 9 <= b.len && set_size(out, IMAGE_JPEG, be16(b, at + 7), be16(b, at + 5));

            out->orientation = orientation;
            return is_ok;
        }
        if (marker == JPEG_APP1 && has_at(b, at + 4, BYTES_LIT("Exif\0\0"))) {
            struct bytes exif = bytes_skip(b, at + 10);

            exif.len = len >= 8 && len - 8 < exif.len ? len - 8 : exif.len;
            orientation = exif_orientation(exif);
        }
        at += 2 + (size_t)len;
    }
    return false;
}

/* ---- WebP ---- */

static bool read_webp(struct bytes b, struct image_header *out)
{
    uint32_t bits;

    if (b.len < 30) {
        return false;
    }
    if (has_at(b, 12, BYTES_LIT("VP8X"))) {
        return set_size(out, IMAGE_WEBP, le24(b, 24) + 1, le24(b, 27) + 1);
    }
    if (has_at(b, 12, BYTES_LIT("VP8L")) && byte_at(b, 20) == 0x2F) {
        bits = le32(b, 21);
        return set_size(out, IMAGE_WEBP, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
    }
    if (has_at(b, 12, BYTES_LIT("VP8 ")) && has_at(b, 23, BYTES_LIT("\x9D\x01\x2A"))) {
        return set_size(out, IMAGE_WEBP, le16(b, 26) & 0x3FFF, le16(b, 28) & 0x3FFF);
    }
    return false;
}

bool image_header_read(struct bytes begin, struct image_header *out)
{
    struct image_header h = {.width = 0};
    bool is_ok = false;

    if (bytes_has_prefix(begin, BYTES_LIT("\x89PNG\r\n\x1A\n"))) {
        is_ok = read_png(begin, &h);
    } else if (bytes_has_prefix(begin, BYTES_LIT("\xFF\xD8\xFF"))) {
        is_ok = read_jpeg(begin, &h);
    } else if (bytes_has_prefix(begin, BYTES_LIT("GIF87a")) ||
               bytes_has_prefix(begin, BYTES_LIT("GIF89a"))) {
        is_ok = read_gif(begin, &h);
    } else if (bytes_has_prefix(begin, BYTES_LIT("RIFF")) && has_at(begin, 8, BYTES_LIT("WEBP"))) {
        is_ok = read_webp(begin, &h);
    }
    if (is_ok) {
        *out = h;
    }
    return is_ok;
}

const char *image_format_type(enum image_format format)
{
    switch (format) {
    case IMAGE_PNG:
        return "image/png";
    case IMAGE_JPEG:
        return "image/jpeg";
    case IMAGE_GIF:
        return "image/gif";
    case IMAGE_WEBP:
        return "image/webp";
    }
    return "";
}
