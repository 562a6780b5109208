// SPDX-License-Identifier: MIT
// Checks AWS Signature Version 4 as S3 does: in the header and in the query, with nothing taken from the
// code under test. The S3 server of the tests takes any such signature; this stands before it.
import crypto from 'node:crypto';

const SKEW_S = 15 * 60;
const EXPIRES_MAX_S = 7 * 86400;

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const escape = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export class Refusal extends Error {
  constructor(status, code) {
    super(code);
    Object.assign(this, { status, code });
  }
}

const refuse = (status, code) => { throw new Refusal(status, code); };

function secondsOf(stamp) {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp ?? '') ?? refuse(403, 'AccessDenied');
  return Date.UTC(m[1], m[2] - 1, m[3], m[4], m[5], m[6]) / 1000;
}

const canonicalPath = (rawPath) => rawPath.split('/').map((s) => escape(decodeURIComponent(s))).join('/');

function parametersOf(rawQuery) {
  return rawQuery.split('&').filter(Boolean).map((pair) => {
    const [name, ...value] = pair.split('=');
    return [decodeURIComponent(name), decodeURIComponent(value.join('='))];
  });
}

function canonicalQuery(parameters) {
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return parameters.map(([name, value]) => [escape(name), escape(value)])
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1])).map((pair) => pair.join('=')).join('&');
}

function canonicalHeaders(headers, names) {
  return names.map((name) => {
    const value = headers[name] ?? refuse(403, 'SignatureDoesNotMatch');
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  }).join('');
}

function parseHeader(request) {
  const m = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
    .exec(request.headers.authorization) ?? refuse(400, 'AuthorizationHeaderMalformed');
  const hash = request.headers['x-amz-content-sha256'] ?? refuse(400, 'MissingSecurityHeader');
  return { credential: m[1], signedHeaders: m[2], signature: m[3], hash, stamp: request.headers['x-amz-date'] };
}

function parseQuery(parameters, request) {
  const value = Object.fromEntries(parameters);
  const expires = Number(value['X-Amz-Expires']);
  if (!['GET', 'HEAD'].includes(request.method) || value['X-Amz-Algorithm'] !== 'AWS4-HMAC-SHA256' ||
      !(expires >= 1 && expires <= EXPIRES_MAX_S)) {
    refuse(400, 'AuthorizationQueryParametersError');
  }
  return {
    credential: value['X-Amz-Credential'] ?? '', signedHeaders: value['X-Amz-SignedHeaders'] ?? '',
    signature: value['X-Amz-Signature'], hash: 'UNSIGNED-PAYLOAD', stamp: value['X-Amz-Date'], expires,
  };
}

function checkTime(parsed, now) {
  const signed = secondsOf(parsed.stamp);
  if (signed > now + SKEW_S || (!parsed.expires && signed < now - SKEW_S)) {
    refuse(403, 'RequestTimeTooSkewed');
  }
  if (parsed.expires && now >= signed + parsed.expires) {
    refuse(403, 'AccessDenied');
  }
}

function checkSignedHeaders(request, names, isQuery) {
  const must = Object.keys(request.headers).filter((n) => n === 'host' || (!isQuery && n.startsWith('x-amz-')));
  const isSorted = names.every((name, i) => i === 0 || names[i - 1] < name);
  if (!isSorted || must.some((name) => !names.includes(name))) {
    refuse(403, 'SignatureDoesNotMatch');
  }
}

/**
 * Throws a Refusal unless `request` (an http.IncomingMessage with its `body`) was signed by the account
 * { accessKey, secretKey, region }, just now or for a time that has not passed.
 */
export function checkSignature(request, body, account) {
  const [rawPath, rawQuery = ''] = request.url.split('?');
  const parameters = parametersOf(rawQuery);
  const isQuery = parameters.some(([name]) => name === 'X-Amz-Signature');
  if (!isQuery && !request.headers.authorization) {
    refuse(403, 'AccessDenied');
  }
  const parsed = isQuery ? parseQuery(parameters, request) : parseHeader(request);
  const [accessKey, day, region, service, end] = parsed.credential.split('/');
  if (accessKey !== account.accessKey) {
    refuse(403, 'InvalidAccessKeyId');
  }
  if (region !== account.region || service !== 's3' || end !== 'aws4_request' || !parsed.stamp?.startsWith(day)) {
    refuse(400, 'AuthorizationHeaderMalformed');
  }
  checkTime(parsed, Date.now() / 1000);
  const names = parsed.signedHeaders.split(';');
  checkSignedHeaders(request, names, isQuery);
  const canonical = [request.method, canonicalPath(rawPath),
    canonicalQuery(parameters.filter(([name]) => name !== 'X-Amz-Signature')),
    canonicalHeaders(request.headers, names), parsed.signedHeaders, parsed.hash].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = [day, region, 's3', 'aws4_request'].reduce(hmac, `AWS4${account.secretKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${parsed.stamp}\n${scope}\n${sha256(canonical)}`).toString('hex');
  if (signature !== parsed.signature) {
    refuse(403, 'SignatureDoesNotMatch');
  }
  if (!isQuery && parsed.hash !== sha256(body)) {
    refuse(400, 'XAmzContentSHA256Mismatch');
  }
}
