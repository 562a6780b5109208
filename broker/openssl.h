/* SPDX-License-Identifier: MIT */
#pragma once
/* The parts of OpenSSL that the broker uses. They are included here only, because OpenSSL has a
 * type and common/err.h a code of the name ERR_STATE: OpenSSL's gets another one. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#undef ERR_STATE
