// SPDX-License-Identifier: MIT
// The Djangos that tests may use: Debian's, and the newest that PyPI has for a Python found here.
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { ROOT, run } from './system.mjs';

const REQUIREMENTS = path.join(ROOT, 'tests/django/requirements.txt');
const CACHE = path.join(ROOT, 'build/django-newest');
const NOTE = path.join(CACHE, 'made.json');
const CACHE_MS = 7 * 86_400_000;    // then a newer one is looked for
const INSTALL_MS = 120_000;
const UNREACHABLE = 'PyPI cannot be reached';
const INSTALL_TRIES = 3;            // the very newest Python may be too new for some package

/**
 * Debian's Django, from the packages that ./dev e2e installs: { name, with all versions; python,
 * the program; env, its environment }.
 */
export async function debianDjango() {
  return named({ from: 'Debian', python: '/usr/bin/python3', env: cleanEnvironment() });
}

/** The newest Django, the same way; or { name, skip: why it is not here }. */
export async function newestDjango() {
  try {
    const python = (await cachedPython(CACHE_MS)) ?? await install();
    return await named({ from: 'PyPI', python, env: cleanEnvironment({ PYTHONPATH: CACHE }) });
  } catch (error) {
    return { name: 'the newest Django', skip: error.message };
  }
}

/** The caller's environment without Python packages from elsewhere. */
function cleanEnvironment(extra) {
  const { PYTHONPATH, PYTHONHOME, ...rest } = process.env;
  return { ...rest, PYTHONNOUSERSITE: '1', PYTHONUTF8: '1', PYTHONDONTWRITEBYTECODE: '1', ...extra };
}

async function named(django) {
  const code = `import sys, django, rest_framework as drf
from importlib.metadata import version
print(f"Django {django.__version__} from ${django.from} (REST framework {drf.VERSION},",
      f"SimpleJWT {version('djangorestframework-simplejwt')}, Python {sys.version.split()[0]})")`;
  const { code: status, stdout, stderr } = await run(django.python, ['-c', code], { env: django.env });
  if (status !== 0) {
    throw new Error(`Django from ${django.from}: ${lastLine(stderr)}`);
  }
  return { ...django, name: stdout.trim() };
}

const lastLine = (text) => text.trim().split('\n').at(-1);

// ---- the newest, kept in CACHE with a note of what it was made by ----

/** The Python for which CACHE was filled, if it was from these requirements and not too long ago. */
async function cachedPython(maxAgeMs) {
  try {
    const made = JSON.parse(await readFile(NOTE, 'utf8'));
    const isGood = made.requirements === await readFile(REQUIREMENTS, 'utf8') && Date.now() - made.at < maxAgeMs
      && (await run(made.python, ['-V'])).code === 0;
    return isGood ? made.python : null;
  } catch {
    return null;
  }
}

/** Fill CACHE by the newest Python that can; resolves to that Python. */
async function install() {
  const deadline = Date.now() + INSTALL_MS;
  let why = 'no Python with pip';
  for (const candidate of (await pythonsWithPip()).slice(0, INSTALL_TRIES)) {
    why = await installBy(candidate, deadline - Date.now());
    if (why === null) {
      return candidate;
    }
    if (why === UNREACHABLE) {
      break;
    }
  }
  const old = await cachedPython(Infinity);
  if (old === null) {
    throw new Error(`the newest Django cannot be installed: ${why}`);
  }
  return old;
}

/** Resolves to null, or to what went wrong. */
async function installBy(candidate, timeoutMs) {
  const folder = `${CACHE}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true });
    const { code, stderr } = await run(candidate, ['-m', 'pip', 'install', '--quiet', '--no-input',
      '--disable-pip-version-check', '--only-binary', ':all:', '--retries', '1', '--timeout', '15',
      '--target', folder, '--requirement', REQUIREMENTS], { timeout: Math.max(1, timeoutMs) });
    if (code !== 0) {
      return /connection broken|Retrying/.test(stderr) ? UNREACHABLE : lastLine(stderr);
    }
    const requirements = await readFile(REQUIREMENTS, 'utf8');
    const made = { python: candidate, requirements, at: Date.now() };
    await writeFile(path.join(folder, path.basename(NOTE)), JSON.stringify(made));
    await rm(CACHE, { recursive: true, force: true });
    await rename(folder, CACHE);
    return null;
  } catch (error) {
    return error.killed ? `pip took more than ${INSTALL_MS / 1000} s` : error.message;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Paths of Pythons on the PATH and of pyenv, the newest first. */
async function pythonsWithPip() {
  const pyenv = path.join(process.env.PYENV_ROOT ?? path.join(homedir(), '.pyenv'), 'versions');
  const folders = [
    ...(process.env.PATH ?? '').split(':').filter(Boolean),
    ...(await names(pyenv)).map((version) => path.join(pyenv, version, 'bin')),
  ];
  const found = new Map();          // path of the program → its version as a number
  for (const folder of new Set(folders)) {
    for (const name of (await names(folder)).filter((entry) => /^python3(\.\d+)?$/.test(entry))) {
      const about = await aboutPython(path.join(folder, name));
      if (about !== null) {
        found.set(about.executable, about.version);
      }
    }
  }
  return [...found.keys()].sort((a, b) => found.get(b) - found.get(a));
}

async function names(folder) {
  return readdir(folder).catch(() => []);
}

/** null when it does not run, or has no pip. */
async function aboutPython(file) {
  const code = 'import sys, pip; v = sys.version_info; print(v[0] * 10**6 + v[1] * 1000 + v[2], sys.executable)';
  const { code: status, stdout } = await run(file, ['-c', code], { timeout: 10_000 }).catch(() => ({ code: 1 }));
  const [, version, executable] = /^(\d+) (.+)\n$/.exec(stdout ?? '') ?? [];
  return status === 0 && version ? { version: Number(version), executable } : null;
}
