// SPDX-License-Identifier: MIT
// Before the first paint, so that a chosen theme does not flash. A file: policies forbid inline scripts.
try {
  const theme = localStorage.getItem('kibray:theme');
  if (theme === 'light' || theme === 'dark') {
    document.documentElement.dataset.theme = theme;
  }
} catch {
  // Storage is forbidden: the system's theme.
}
