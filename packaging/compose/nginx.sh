#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts nginx for compose.yaml. A gateway that was started again may have a new address, so nginx
# asks the engine's name server, whose own address differs between engines.
set -eu

awk '/^nameserver/ { print "resolver " ($2 ~ /:/ ? "[" $2 "]" : $2) " valid=1s ipv6=off;"; exit }' \
    /etc/resolv.conf >/tmp/resolver.conf
exec nginx -e stderr -c /setup/nginx.conf -g 'daemon off;'
