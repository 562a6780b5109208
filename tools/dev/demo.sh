# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The demo: users whose password is <name>-password, and channels. Added only if absent.

readonly DEMO_USERS=(alice bob carol admin)
readonly DEMO_STAFF=admin
readonly DEMO_CHANNELS=(general random leads board)
declare -grA DEMO_MEMBERS=([leads]='alice bob' [board]='carol admin')   # these are private

demo_broker() {
    "$BUILD/bin/kibray-broker" "$@" >>"$LOG/demo.log" 2>&1 || {
        tail -n 5 -- "$LOG/demo.log" >&2
        warn "kibray-broker $* failed"
        return 1
    }
}

demo_add_users() {
    local user
    local -a flags
    for user in "${DEMO_USERS[@]}"; do
        flags=(--if-absent)
        if [ "$user" = $DEMO_STAFF ]; then
            flags+=(--staff)
        fi
        KIBRAY_PASSWORD=$user-password demo_broker user add "$user" "${flags[@]}" || return 1
    done
}

demo_add_channels() {
    local channel member
    local -a members flags
    for channel in "${DEMO_CHANNELS[@]}"; do
        read -r -a members <<<"${DEMO_MEMBERS[$channel]:-}"
        flags=(--if-absent)
        if [ ${#members[@]} -gt 0 ]; then
            flags+=(--private)
        fi
        demo_broker channel add "$channel" "${flags[@]}" || return 1
        for member in "${members[@]}"; do
            demo_broker member add "$channel" "$member" --if-absent || return 1
        done
    done
}

demo_add() {
    step "Adding the demo users and channels"
    demo_add_users && demo_add_channels
}
