# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb examples-check: nginx and HAProxy themselves read the configurations that we give out.
need packages compose

examples_nginx() {
    local folder=$1
    printf 'pid %s/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n' "$folder" >"$folder/nginx.conf"
    sed -e "s|/etc/ssl/kibray|$folder|; s|/var/log/nginx|$folder|" "$ROOT/docs/examples/nginx.conf" >>"$folder/nginx.conf"
    printf '}\n' >>"$folder/nginx.conf"
    /usr/sbin/nginx -e stderr -t -c "$folder/nginx.conf"
}

examples_compose() {
    local folder=$1
    printf 'resolver 127.0.0.1;\n' >"$folder/resolver.conf"
    sed -e "s|/tmp/|$folder/|; s|/tls/|$folder/|" "$ROOT/packaging/compose/nginx.conf" >"$folder/compose.conf"
    /usr/sbin/nginx -e stderr -t -c "$folder/compose.conf"
}

examples_haproxy() {
    local folder=$1
    cat "$folder/tls.crt" "$folder/tls.key" >"$folder/tls.pem"
    sed -e "s|/etc/ssl/kibray|$folder|" "$ROOT/docs/examples/haproxy.cfg" >"$folder/haproxy.cfg"
    /usr/sbin/haproxy -c -f "$folder/haproxy.cfg"
}

verb_examples_check() {
    local folder
    packages_install nginx-light haproxy openssl
    folder=$(mktemp -d /tmp/kibray-examples-XXXXXX)
    # shellcheck disable=SC2064  # its value of now
    trap "rm -rf -- '$folder'" EXIT
    compose_certificate "$folder" || die "no certificate"
    step "Check docs/examples/ and the nginx of compose.yaml"
    examples_nginx "$folder" || die "docs/examples/nginx.conf"
    examples_compose "$folder" || die "packaging/compose/nginx.conf"
    examples_haproxy "$folder" || die "docs/examples/haproxy.cfg"
}
