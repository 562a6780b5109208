/* SPDX-License-Identifier: MIT */
#pragma once
/* Is the port free? The listeners of all workers share it by SO_REUSEPORT, so that a gateway that
 * was started twice would share it, too, in silence; this asks without sharing. */
#include <stdint.h>
#include "common/err.h"

/* Call before the first listener is made. Errors: ERR_CONFLICT the port is taken, ERR_SYNTAX the
 * address is no IP address, ERR_IO. */
NODISCARD int port_probe(const char *address, uint16_t port);
