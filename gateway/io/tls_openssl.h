/* SPDX-License-Identifier: MIT */
#pragma once
/* OpenSSL's TLS. Included through this file only: OpenSSL has a type and common/err.h a code of the
 * name ERR_STATE, and OpenSSL's gets another one. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/ssl.h>
#undef ERR_STATE
