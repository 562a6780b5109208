// SPDX-License-Identifier: MIT
import type { BuildOptions } from 'esbuild';

export function packageOptions(folder: string): BuildOptions;
