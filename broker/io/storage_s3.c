/* SPDX-License-Identifier: MIT */
/* Objects in a bucket of an S3-compatible server. Called by storage.c. */
#include "broker/io/storage_impl.h"

struct storage *storage_s3_new(const struct storage_conf *conf, int *out_err)
{
    (void)conf;
    *out_err = ERR_STATE;
    return NULL;
}
