// SPDX-License-Identifier: MIT
export default function Dashboard() {
  return null;
}
