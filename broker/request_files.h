/* SPDX-License-Identifier: MIT */
#pragma once
/* The requests that are about files, as requests.c starts and ends them. Nobody else includes it
 * but their own files. */
#include "broker/requests_impl.h"

/* ---- request_upload.c ---- */
void request_upload_start(struct request *req, const struct up_upload *upload);
void request_upload_refuse(struct request *req, const struct up_upload *upload);
/* The request ends: what it knows of the upload is freed. */
void request_upload_done(struct request *req);

/* ---- request_media.c, request_pull.c ---- */
void request_media_done(struct request *req);
void request_pull_start(struct request *req, const struct up_pull *pull);
void request_pull_refuse(struct request *req, const struct up_pull *pull);
/* The request ends: its turn is given back. */
void request_pull_done(struct request *req);
