/* SPDX-License-Identifier: MIT */
#pragma once
/* TLS in front of the port, on a thread of its own, so that handshakes (about 1 ms each) and
 * ciphers take nothing from the loop that serves chats.
 *
 *   client <== TLS ==> tls_link (thread) <-- socket pair --> ws_http, ws_conn (loop) */
#include <stdint.h>
#include "common/buf.h"
#include "common/io/loop.h"
#include "gateway/io/ws_port.h"

struct tls_front;

/* Reads the files and starts the thread. Errors (NULL): ERR_SYNTAX with a sentence in out_problem
 * (a file), ERR_NOMEM, ERR_IO. */
struct tls_front *tls_front_new(const char *cert_file, const char *key_file,
                                struct buf *out_problem, int *out_err);
/* Ends the thread. The plain ends must be closed: what was written to them has a second to go out,
 * then what is open is cut. */
void tls_front_free(struct tls_front *f);
/* Takes a connected socket and gives the plain end of its connection, non-blocking. The socket is
 * closed by its thread, or at once when this fails. The plain end sees an end of file when the
 * handshake fails or the client goes; closing it ends the connection after what was written.
 * Errors: ERR_IO (no descriptors), ERR_FULL (the thread is too far behind). */
NODISCARD int tls_front_take(struct tls_front *f, int fd, int *out_plain_fd);
/* Reads the files anew: for handshakes from now on; open connections stay as they are. Errors as
 * tls_front_new(), and ERR_FULL; the old certificate stays then. */
NODISCARD int tls_front_reload(struct tls_front *f, struct buf *out_problem);
struct ws_tls_stats tls_front_stats(const struct tls_front *f);
