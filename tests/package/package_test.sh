#!/usr/bin/env bash
# The Debian package is built, passes lintian, is installed, works from where it was installed, and leaves nothing behind.
# usage: package_test.sh BUILD_FOLDER. What can't be tried here is said, and the test is skipped (77) when all the rest passes.
set -euo pipefail
build=$1
work=$(mktemp -d)
installed=
end() {
    [[ -z $installed ]] || dpkg --purge shutdown-repro >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT

fail() {
    printf 'package: %s\n' "$1" >&2
    exit 1
}
skipped=
skip() {
    printf 'SKIPPED: %s\n' "$1"
    skipped=yes
}

# exits STATUS COMMAND…: as a user who has nothing but the package, in the folder work.
exits() {
    local expected=$1 status=0
    shift
    (cd "$work" && env -i PATH=/usr/bin:/bin HOME="$work" "$@") >"$work/out" 2>"$work/err" || status=$?
    ((status == expected)) || { cat "$work/out" "$work/err" >&2; fail "\"$*\" exited with $status, expected was $expected"; }
}

command -v dpkg-shlibdeps >/dev/null || { skip "no dpkg-dev to build a package with"; exit 77; }
cpack --config "$build/CPackConfig.cmake" -B "$work/packages" >"$work/cpack.log" 2>&1 || { cat "$work/cpack.log" >&2; fail "cpack failed"; }
package=$(echo "$work"/packages/*.deb)
[[ -f $package ]] || fail "cpack built no package"

if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$package" >"$work/lintian.log" 2>&1 || { cat "$work/lintian.log" >&2; fail "lintian objects"; }
else
    skip "no lintian to judge the package"
fi

((EUID == 0)) || { skip "only root can install the package"; exit 77; }
[[ -z $(dpkg-query -W -f '${db:Status-Status}' shutdown-repro 2>/dev/null) ]] || { skip "shutdown-repro is installed here; it stays as it is"; exit 77; }
installed=yes
dpkg --install "$package" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg can't install it"; }
dpkg --listfiles shutdown-repro >"$work/files"

exits 1 shutdown-repro run scope-disposal --world sim --trace sim.jsonl
exits 1 shutdown-repro run scope-disposal --trace live.jsonl # finds its server by itself
grep -q '✗ scope-disposed-nonempty' "$work/out" || fail "the live run did not reproduce the report"
exits 1 shutdown-repro check sim.jsonl live.jsonl
for page in shutdown-repro.1 shutdown-repro-trace.5 shutdown-repro-rules.7; do
    exits 0 mandoc -T utf8 "/usr/share/man/man${page##*.}/$page.gz"
    grep -q shutdown-repro "$work/out" || fail "$page.gz is no manual"
    ! command -v man >/dev/null || exits 0 man -w "${page##*.}" "${page%.*}"
done
for file in bash-completion/completions/shutdown-repro zsh/vendor-completions/_shutdown-repro fish/vendor_completions.d/shutdown-repro.fish; do
    [[ -s /usr/share/$file ]] || fail "/usr/share/$file is missing"
done

dpkg --purge shutdown-repro >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg can't remove it"; }
installed=
while read -r path; do
    # Folders that others have files in stay.
    [[ -d $path && $path != *shutdown-repro* ]] || [[ ! -e $path ]] || fail "$path was left behind"
done <"$work/files"
echo "$(wc -l <"$work/files") files and folders installed, used and removed"
[[ -z $skipped ]] || exit 77
