/* SPDX-License-Identifier: MIT */
#pragma once
/* broker/egress.h for single answers: encodes each as the real one does, and keeps it decoded. */
#include <stddef.h>
#include "broker/egress.h"
#include "fake_fault.h"

extern struct fake_fault fake_egress_fault;

struct fake_answer {
    struct down_item item; /* its texts lie in `wire` */
    char gateway[GATEWAY_NAME_MAX + 1];
    char *wire;
};

void fake_egress_reset(void);
size_t fake_answers(void);
const struct fake_answer *fake_answer(size_t i);
