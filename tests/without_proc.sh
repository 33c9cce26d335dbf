#!/usr/bin/env bash
# without_proc.sh PROGRAM: without /proc a live run is refused with the reason, and no server is left.
set -u
unshare -m sh -c 'mount -t tmpfs none /proc' 2>/dev/null || { echo "skipped: needs the right to mount"; exit 77; }
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here" || exit 1
failed=0
for what in scope-disposal '--probe silent -- sleep 3600'; do
    said=$(unshare -m sh -c "mount -t tmpfs none /proc && exec '$1' run $what" 2>&1)
    status=$?
    [[ $status == 2 && $said == *"cannot read /proc"* ]] || { echo "run $what: status $status: $said"; failed=1; }
done
exit "$failed"
