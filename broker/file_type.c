/* SPDX-License-Identifier: MIT */
/* Compares what a file is said to be with what it was found to be. Finding it is the work of
 * kibray-inspect. Two names fit when they are one after aliases were replaced, or when a table
 * says that the one is what a look at the other finds. */
#include "broker/file_type.h"

#define TYPE_MAX 128u

struct type {
    char text[TYPE_MAX]; /* lower case, no parameters, no alias; "" = not a type */
};

struct alias {
    const char *name, *canonical;
};

static const struct alias ALIASES[] = {
    {"application/bzip2", "application/x-bzip2"},
    {"application/cdfv2", "application/x-ole-storage"},
    {"application/vnd.ms-office", "application/x-ole-storage"},
    {"application/javascript", "text/javascript"},
    {"application/x-javascript", "text/javascript"},
    {"application/ecmascript", "text/javascript"},
    {"application/x-compressed-tar", "application/gzip"},
    {"application/x-gtar", "application/gzip"},
    {"application/x-gzip", "application/gzip"},
    {"application/x-pdf", "application/pdf"},
    {"application/vnd.rar", "application/x-rar"},
    {"application/x-rar-compressed", "application/x-rar"},
    {"application/rtf", "text/rtf"},
    {"application/x-sh", "text/x-shellscript"},
    {"application/x-shellscript", "text/x-shellscript"},
    {"text/x-sh", "text/x-shellscript"},
    {"application/x-tgz", "application/gzip"},
    {"application/xml", "text/xml"},
    {"application/x-zip", "application/zip"},
    {"application/x-zip-compressed", "application/zip"},
    {"application/x-msdownload", "application/x-dosexec"},
    {"application/x-msdos-program", "application/x-dosexec"},
    {"application/vnd.microsoft.portable-executable", "application/x-dosexec"},
    {"application/x-python-code", "text/x-script.python"},
    {"text/x-python", "text/x-script.python"},
    {"audio/m4a", "audio/mp4"},
    {"audio/x-m4a", "audio/mp4"},
    {"audio/mp3", "audio/mpeg"},
    {"audio/mpeg3", "audio/mpeg"},
    {"audio/x-mp3", "audio/mpeg"},
    {"audio/x-mpeg", "audio/mpeg"},
    {"audio/x-aac", "audio/aac"},
    {"audio/x-hx-aac-adts", "audio/aac"},
    {"audio/x-aiff", "audio/aiff"},
    {"audio/x-flac", "audio/flac"},
    {"audio/x-midi", "audio/midi"},
    {"audio/vnd.wave", "audio/wav"},
    {"audio/wave", "audio/wav"},
    {"audio/x-wav", "audio/wav"},
    {"binary/octet-stream", "application/octet-stream"},
    {"image/jpg", "image/jpeg"},
    {"image/pjpeg", "image/jpeg"},
    {"image/svg", "image/svg+xml"},
    {"image/vnd.microsoft.icon", "image/x-icon"},
    {"image/x-bmp", "image/bmp"},
    {"image/x-ms-bmp", "image/bmp"},
    {"image/x-png", "image/png"},
    {"video/avi", "video/x-msvideo"},
    {"video/msvideo", "video/x-msvideo"},
    {"video/matroska", "video/x-matroska"},
    {"video/x-m4v", "video/mp4"},
};

/* Types of one container, which a look tells from each other by chance only. Any fits any. */
#define FAMILY_MAX 8
static const char *const FAMILIES[][FAMILY_MAX] = {
    {"video/mp4", "audio/mp4", "video/quicktime", "video/3gpp", "video/3gpp2", "audio/3gpp"},
    {"application/ogg", "audio/ogg", "video/ogg", "audio/opus", "audio/vorbis", "audio/speex"},
    {"video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska", "application/x-matroska"},
    {"video/x-ms-asf", "video/x-ms-wmv", "audio/x-ms-wma", "application/vnd.ms-asf"},
    {"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"},
    {"font/sfnt", "font/ttf", "font/otf", "application/vnd.ms-opentype", "application/font-sfnt"},
};

/* In the lists that follow, a '*' at the end stands for any text. */
#define LIST_END NULL

static const char *const ZIPPED[] = {
    "application/vnd.openxmlformats-officedocument.*",
    "application/vnd.oasis.opendocument.*",
    "application/vnd.ms-word.*",
    "application/vnd.ms-excel.*",
    "application/vnd.ms-powerpoint.*",
    "application/vnd.apple.*",
    "application/vnd.google-earth.kmz",
    "application/epub+zip",
    "application/vnd.ms-xpsdocument",
    "model/3mf",
    LIST_END,
};

static const char *const OLE[] = {
    "application/msword",         "application/vnd.ms-excel",  "application/vnd.ms-powerpoint",
    "application/vnd.ms-project", "application/vnd.ms-works",  "application/vnd.ms-outlook",
    "application/vnd.visio",      "application/x-mspublisher", LIST_END,
};

/* Formats without a signature: found as plain text, or as another text that they resemble. */
static const char *const TEXTS[] = {
    "text/*",
    "application/json",
    "application/jsonl",
    "application/x-ndjson",
    "application/ndjson",
    "application/csv",
    "application/sql",
    "application/x-sql",
    "application/toml",
    "application/yaml",
    "application/x-yaml",
    "application/x-subrip",
    "application/x-tex",
    "application/x-latex",
    "application/x-bibtex",
    "application/geo+json",
    "application/ld+json",
    "application/manifest+json",
    "application/gpx+xml",
    "application/atom+xml",
    "application/rss+xml",
    "application/vnd.google-earth.kml+xml",
    "message/rfc822",
    LIST_END,
};

/* What a browser shows as a page, with scripts in it. */
static const char *const PAGES[] = {
    "text/html",         "application/xhtml*",        "image/svg+xml", "text/xsl",
    "multipart/related", "application/x-mimearchive", LIST_END,
};

static const char *const EXECUTABLES[] = {
    "application/hta",
    "application/java-archive",
    "application/vnd.android.package-archive",
    "application/vnd.appimage",
    "application/vnd.debian.binary-package",
    "application/vnd.flatpak*",
    "application/vnd.ms-htmlhelp",
    "application/vnd.snap",
    "application/wasm",
    "application/x-apple-diskimage",
    "application/x-bat",
    "application/x-bytecode.*",
    "application/x-csh",
    "application/x-deb",
    "application/x-debian-package",
    "application/x-desktop",
    "application/x-dosexec",
    "application/x-elf",
    "application/x-executable",
    "application/x-httpd-php",
    "application/x-java*",
    "application/x-mach-binary",
    "application/x-mach-o*",
    "application/x-ms-application",
    "application/x-ms-dos-executable",
    "application/x-ms-installer",
    "application/x-ms-shortcut",
    "application/x-msi",
    "application/x-mswinurl",
    "application/x-object",
    "application/x-perl",
    "application/x-php",
    "application/x-pie-executable",
    "application/x-powershell",
    "application/x-redhat-package-manager",
    "application/x-rpm",
    "application/x-ruby",
    "application/x-setupscript",
    "application/x-sharedlib",
    "application/x-shockwave-flash",
    "application/x-win-lnk",
    "text/javascript",
    "text/vbscript",
    "text/x-awk",
    "text/x-gawk",
    "text/x-lua",
    "text/x-ms-regedit",
    "text/x-msdos-batch",
    "text/x-nawk",
    "text/x-perl",
    "text/x-php",
    "text/x-powershell",
    "text/x-ruby",
    "text/x-script*",
    "text/x-shellscript",
    "text/x-tcl",
    LIST_END,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct type type_of(struct bytes text)
{
    struct type t = {.text = ""};
    size_t len = 0;

    while (text.len > 0 && is_space(*text.ptr)) {
        text = bytes_skip(text, 1);
    }
    while (len < text.len && text.ptr[len] != ';') {
        len++;
    }
    while (len > 0 && is_space(text.ptr[len - 1])) {
        len--;
    }
    if (len >= sizeof(t.text)) {
        return t;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c >= 0x7F) {
            return (struct type){.text = ""};
        }
        t.text[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    for (size_t i = 0; i < COUNT(ALIASES); i++) {
        if (strcmp(t.text, ALIASES[i].name) == 0) {
            memset(t.text, 0, sizeof(t.text));
            memcpy(t.text, ALIASES[i].canonical, strlen(ALIASES[i].canonical));
            break;
        }
    }
    return t;
}

static bool is_in(const char *const *list, const struct type *t)
{
    for (; *list; list++) {
        size_t len = strlen(*list);
        bool is_prefix = (*list)[len - 1] == '*';

        if (is_prefix ? strncmp(t->text, *list, len - 1) == 0 : strcmp(t->text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_member(const char *const family[FAMILY_MAX], const struct type *t)
{
    for (size_t i = 0; i < FAMILY_MAX && family[i]; i++) {
        if (strcmp(family[i], t->text) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_same_family(const struct type *a, const struct type *b)
{
    for (size_t i = 0; i < COUNT(FAMILIES); i++) {
        if (is_member(FAMILIES[i], a) && is_member(FAMILIES[i], b)) {
            return true;
        }
    }
    return false;
}

static bool is(const struct type *t, const char *name)
{
    return strcmp(t->text, name) == 0;
}

static bool is_active(const struct type *t)
{
    return is_in(PAGES, t) || is_in(EXECUTABLES, t);
}

static bool is_text(const struct type *t)
{
    return is_in(TEXTS, t) || is(t, "inode/x-empty") || is(t, "application/x-empty");
}

/* Neither of them runs or is a page, and they differ. */
static bool fits_inactive(const struct type *declared, const struct type *detected)
{
    bool is_ole =
        is(detected, "application/x-ole-storage") || is(detected, "application/encrypted");

    if (is_in(TEXTS, declared)) {
        return is_text(detected) && !is(declared, "text/rtf");
    }
    if (is_in(ZIPPED, declared)) { /* with a password they are OLE containers */
        return is(detected, "application/zip") || is_ole;
    }
    if (is_in(OLE, declared)) {
        return is_ole;
    }
    if (is(declared, "application/zip")) {
        return is_in(ZIPPED, detected);
    }
    return is_same_family(declared, detected);
}

bool file_type_fits(struct bytes declared, struct bytes detected)
{
    struct type said = type_of(declared), found = type_of(detected);

    if (found.text[0] == '\0') {
        return false;
    }
    if (declared.len == 0 || is(&said, "application/octet-stream")) {
        return !is_active(&found);
    }
    if (strcmp(said.text, found.text) == 0) {
        return true;
    }
    /* Markup is text, too, to those who are shown it as such; Markdown is full of it. */
    if ((is(&said, "text/plain") || is(&said, "text/markdown")) && is(&found, "text/html")) {
        return true;
    }
    return !is_active(&said) && !is_active(&found) && fits_inactive(&said, &found);
}

bool file_type_is_executable(struct bytes detected)
{
    struct type t = type_of(detected);

    return is_in(EXECUTABLES, &t);
}
