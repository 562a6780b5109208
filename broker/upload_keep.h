/* SPDX-License-Identifier: MIT */
#pragma once
/* Looks after uploads that nobody else does: takes up what a broker has left undone, forgets what
 * was given up by its uploader, and deletes from the storage what nobody needs any more. Every
 * broker does; the database gives each piece of work to one at a time. Glue. */
#include "broker/files.h"

struct upload_keep *upload_keep_new(struct files *f); /* NULL without memory */
void upload_keep_free(struct upload_keep *k);         /* NULL is fine */
void upload_keep_start(struct upload_keep *k);
void upload_keep_pause(struct upload_keep *k);
