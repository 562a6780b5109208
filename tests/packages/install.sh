#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The life of the Debian packages in /packages on a bare Debian: installed with what they depend
# on, started, upgraded with a changed setting, removed, purged. Run by ./dev package-test in a container.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

check() {
    local what=$1
    shift
    if ! "$@"; then
        printf 'not ok: %s\n' "$what" >&2
        exit 1
    fi
    printf 'ok: %s\n' "$what"
}

not() {
    ! "$@"
}

owner_is() {
    [ "$(stat -c '%U %a' "$1")" = "$2" ]
}

# It has no servers here: that it says so shows that it started, as its user and with its settings.
starts() {
    local unit=$1 log=/tmp/$1.log
    shift
    timeout --signal=TERM 3 setpriv --reuid="$unit" --regid="$unit" --clear-groups env "$@" >"$log" 2>&1 || true
    grep -q '"event":"\(gateway_\)\?started"' "$log" || { cat "$log" >&2; return 1; }
}

apt-get update -qq
apt-get install -y -qq --no-install-recommends /packages/*.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log >&2; exit 1; }
check "installed with all dependencies" dpkg --audit

check "the gateway links" not grep -q 'not found' <(ldd /usr/bin/kibray-gateway)
check "the inspector links" not grep -q 'not found' <(ldd /usr/bin/kibray-inspect)
check "kibray-gateway --help" grep -q REDIS_URL <(kibray-gateway --help)
check "kibray-broker --help" grep -q DATABASE_URL <(kibray-broker --help)
check "kibray-gateway --version" kibray-gateway --version
check "kibray-broker --version" kibray-broker --version
check "the users are there" id kibray-gateway kibray-broker
check "settings are for root alone" owner_is /etc/kibray/broker.env "root 600"
check "files are for the broker alone" owner_is /var/lib/kibray/media "kibray-broker 700"

mapfile -t gateway < <(grep -v '^#' /etc/kibray/gateway.env)
mapfile -t broker < <(grep -v '^#' /etc/kibray/broker.env)
check "kibray-gateway starts" starts kibray-gateway "${gateway[@]}" /usr/bin/kibray-gateway
check "kibray-broker starts" starts kibray-broker "${broker[@]}" DATABASE_URL=postgresql://a:b@127.0.0.1/c \
    SECRET_KEY=0123456789012345678901234567890123456789 /usr/bin/kibray-broker serve

printf 'PORT=8123\n' >>/etc/kibray/gateway.env
dpkg -i --force-confold /packages/*.deb >/tmp/upgrade.log 2>&1 || { cat /tmp/upgrade.log >&2; exit 1; }
check "an upgrade keeps changed settings" grep -q 8123 /etc/kibray/gateway.env

touch /var/lib/kibray/media/somebodys
mapfile -t packages < <(dpkg-query -W -f '${Package}\n' 'kibray-*')
dpkg --remove "${packages[@]}" >/dev/null
check "removed: no programs" not ls /usr/bin/kibray-gateway /usr/bin/kibray-broker
check "removed: settings stay" test -f /etc/kibray/gateway.env
dpkg --purge "${packages[@]}" >/dev/null
check "purged: no settings" not test -e /etc/kibray
check "purged: files of people stay" test -f /var/lib/kibray/media/somebodys
check "purged: nothing else" test -z "$(find / -xdev -path /proc -prune -o -path /packages -prune -o -iname '*kibray*' ! -path '/tmp/*' ! -path /var/lib/kibray -print)"
