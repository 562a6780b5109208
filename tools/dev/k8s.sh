# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb k8s-check: renders both overlays of k8s/ by kustomize and validates what comes out by
# kubeconform, strictly, against the schemas of the newest Kubernetes and of Prometheus' operator.
# No cluster is asked. Versions are fixed, so that a check does not begin to fail by itself.
need packages

readonly K8S_KUSTOMIZE=sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
readonly K8S_KUBECONFORM=github.com/yannh/kubeconform@v0.7.0
readonly K8S_OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0
readonly K8S_SCHEMAS=kubernetes-validate==1.37.0
readonly K8S_VERSION=1.37.0
readonly K8S_TOOLS=$ROOT/build/k8s

k8s_install_go() {
    (cd / && GOBIN="$K8S_TOOLS/bin" go install "$1") || return 1
}

# The schemas of one version, out of a package that has many; and those of the operator's own
# resources, which are in its Go module.
k8s_schemas() {
    local package=$K8S_TOOLS/package operator
    rm -rf -- "$package" "$K8S_TOOLS/schemas"
    python3 -m pip download --quiet --no-deps -d "$package" "$K8S_SCHEMAS" || return 1
    python3 -m zipfile -e "$package"/*.whl "$package" || return 1
    operator=$(cd / && go mod download -json "$K8S_OPERATOR" | jq -r .Dir) || return 1
    python3 "$ROOT/tools/dev/k8s-schemas" "$K8S_TOOLS/schemas" \
        "$package/kubernetes_validate/kubernetes-json-schema/v$K8S_VERSION-local-strict" \
        "$operator"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml || return 1
    rm -rf -- "$package"
}

k8s_install() {
    local wanted="$K8S_KUSTOMIZE $K8S_KUBECONFORM $K8S_OPERATOR $K8S_SCHEMAS"
    if [ "$(cat "$K8S_TOOLS/.installed" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    step "Installing kustomize, kubeconform and schemas in ${K8S_TOOLS#"$ROOT"/}/"
    packages_install jq python3 python3-pip python3-yaml
    command -v go >/dev/null || die "k8s-check needs Go 1.24 or newer"
    mkdir -p "$K8S_TOOLS"
    k8s_install_go "$K8S_KUSTOMIZE" || return 1
    k8s_install_go "${K8S_KUBECONFORM/@//cmd/kubeconform@}" || return 1
    k8s_schemas || return 1
    printf '%s' "$wanted" >"$K8S_TOOLS/.installed"
}

k8s_validate() {
    "$K8S_TOOLS/bin/kubeconform" -strict -summary -kubernetes-version "$K8S_VERSION" \
        -schema-location "$K8S_TOOLS/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$1"
}

verb_k8s_check() {
    local overlay
    k8s_install || die "could not install what the check needs"
    for overlay in dev production; do
        step "Check k8s/overlays/$overlay"
        "$K8S_TOOLS/bin/kustomize" build "$ROOT/k8s/overlays/$overlay" >"$K8S_TOOLS/$overlay.yaml" ||
            die "k8s/overlays/$overlay does not render"
        k8s_validate "$K8S_TOOLS/$overlay.yaml" || die "k8s/overlays/$overlay is not valid"
    done
    step "Check the alerts as a PrometheusRule"
    "$ROOT/tools/prometheus-rule" >"$K8S_TOOLS/rule.yaml"
    k8s_validate "$K8S_TOOLS/rule.yaml" || die "tools/prometheus-rule"
    python3 "$ROOT/tools/dev/k8s-rules" "$K8S_TOOLS"/{dev,production}.yaml || die "k8s/ breaks our own rules"
}
