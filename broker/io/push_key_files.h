/* SPDX-License-Identifier: MIT */
#pragma once
/* The keys that pushes are sent with, from the files that the settings name. Blocking; at start-up
 * only. */
#include "broker/broker_conf.h"
#include "broker/push_keys.h"

/* Owns: gives what is in *out_keys (push_keys_done). Units: `out_problem` gets a sentence on an
 * error; it may be NULL.
 * Errors: those of secret_file_read, fcm_account_read and jws_key_read. */
NODISCARD int push_key_files_load(const struct broker_conf *conf, struct push_keys *out_keys,
                                  struct buf *out_problem);
