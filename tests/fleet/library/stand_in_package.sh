#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A fake package manager, which `ansible.builtin.package` uses in place of apt or dnf: a package is a file in the
# host's folder `packages`. As real packages do, it loads the patch.

# WANT_JSON
set -eu
value() {
    sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$arguments" | head -n 1
}
arguments=$1
name=$(value name)
state=$(value state)
check=$(value _ansible_check_mode)
# Ansible copies this file into the host's folder for temporary files.
host=${0%/tmp/ansible-tmp-*}
package=$host/packages/${name%%=*}
changed=false
[ "$check" = true ] || printf '%s %s\n' "$state" "$name" >>"$host/package-calls"
mkdir -p "$host/packages"
case $state in
    present) [ -e "$package" ] || changed=true ;;
    absent) [ ! -e "$package" ] || changed=true ;;
esac
if [ $changed = true ] && [ "$check" != true ]; then
    if [ "$state" = present ]; then
        touch "$package"
        # As in the package's script, a patch that stalls does not fail the installation.
        "$host/klpctl" install --now "$host/../${name%%=*}.ko" 2>/dev/null || :
    else
        "$host/klpctl" uninstall --now --missing-ok "$(basename "$package" | tr - _)" 2>/dev/null
        rm "$package"
    fi
fi
printf '{"changed": %s}\n' "$changed"
