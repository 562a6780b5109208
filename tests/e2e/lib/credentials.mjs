// SPDX-License-Identifier: MIT
// Credentials as Django and SimpleJWT would make them, right and wrong ones. Written from their
// public formats, independently of the broker.
import crypto from 'node:crypto';

const encode = (value) => Buffer.from(value).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1000);

/** The claims of a token, unverified. */
export function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

export function headerOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
}

/** A JWT with the claims of a good access token, changed by `claims`; undefined removes one. */
export function forgeToken(secret, claims, header = {}) {
  const all = {
    token_type: 'access', exp: seconds() + 600, iat: seconds(), jti: crypto.randomBytes(16).toString('hex'),
    ...claims,
  };
  const head = { typ: 'JWT', alg: 'HS256', ...header };
  const signed = `${encode(JSON.stringify(head))}.${encode(JSON.stringify(all))}`;
  const digest = { HS256: 'sha256', HS512: 'sha512' }[head.alg];
  const mac = digest ? crypto.createHmac(digest, secret).update(signed).digest('base64url') : '';
  return `${signed}.${mac}`;
}

// django.utils.crypto.salted_hmac with SHA-256.
function saltedHmac(salt, value, secret) {
  const key = crypto.createHash('sha256').update(salt + secret).digest();
  return crypto.createHmac('sha256', key).update(value).digest();
}

function base62(number) {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  return number < 62 ? digits[number] : base62(Math.floor(number / 62)) + digits[number % 62];
}

/** Put a session of a user into django_session; resolves to its key, the sessionid cookie. */
export async function makeSession(system, username, { expiresIn = '1 day', secret, authHash } = {}) {
  const key = crypto.randomBytes(16).toString('hex');
  const signing = secret ?? system.info.secret_key;
  const [user] = await system.sql(`SELECT id, password FROM auth_user WHERE username = '${username}'`);
  const hashSalt = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash';
  const payload = encode(JSON.stringify({
    _auth_user_id: `${user.id}`,
    _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
    _auth_user_hash: authHash ?? saltedHmac(hashSalt, user.password, system.info.secret_key).toString('hex'),
  }));
  const value = `${payload}:${base62(seconds())}`;
  const mac = saltedHmac('django.contrib.sessions.SessionStoresigner', value, signing).toString('base64url');
  await system.sqlExec(`INSERT INTO django_session (session_key, session_data, expire_date)
    VALUES ('${key}', '${value}:${mac}', now() + interval '${expiresIn}')`);
  return key;
}
