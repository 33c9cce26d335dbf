#!/usr/bin/env bash
# A real Slurm of one node, only for this test: its own configuration, munge and folders, on 127.0.0.1, and gone afterwards. An
# array of three that explores and runs a gate in shards, and merge puts them together. Usage: slurm.sh SHUTDOWN-REPRO
set -euo pipefail
program=$(readlink -f "$1")

skip() {
    echo "SKIPPED: $1, so no Slurm has run the shards"
    exit 77
}
for tool in munged slurmctld slurmd sbatch sinfo; do
    PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || skip "there is no $tool on this machine (apt install slurm-wlm munge)"
done
((EUID == 0)) || skip "slurmd starts jobs only as root"
PATH=$PATH:/usr/sbin

# Slurm looks up the name of the machine, which a machine need not know. So the machine has the name localhost, for this test alone.
node=localhost
if [[ $(uname -n) != "$node" ]]; then
    unshare --uts true 2>/dev/null || skip "the machine can't have another name for this test alone (unshare --uts)"
    exec unshare --uts bash -c 'hostname localhost && exec "$0" "$@"' "${BASH_SOURCE[0]}" "$@"
fi

here=$(mktemp -d)
chmod 755 "$here" # munged refuses to trust a folder that others may write to, and its socket has to be reached
started=()
clean_up() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$here"
}
trap clean_up EXIT

fail() {
    echo "slurm.sh: $1" >&2
    tail -n 20 "$here"/*.log >&2 || true
    exit 1
}

# until COMMAND…: for at most 30 seconds.
until_it_works() {
    local tries
    for ((tries = 0; tries < 300; ++tries)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "did not come: $*"
}

# Nobody listens there now; Slurm can't be asked to take any free port.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

mkdir "$here/state" "$here/spool"
head -c 1024 /dev/urandom >"$here/key"
chmod 400 "$here/key"
echo "CgroupPlugin=cgroup/v1" >"$here/cgroup.conf" # which asks for no cgroup until a job is bound by one, and none is
cat >"$here/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$here/munge.sock
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/linear
SchedulerType=sched/builtin
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
NodeName=$node NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=5 State=UP
END
export SLURM_CONF=$here/slurm.conf

munged --foreground --force --key-file="$here/key" --socket="$here/munge.sock" --pid-file="$here/munge.pid" --seed-file="$here/seed" \
    --log-file="$here/munge.log" >"$here/munged-out.log" 2>&1 &
started=($!)
until_it_works test -S "$here/munge.sock"
slurmctld -D >"$here/slurmctld-out.log" 2>&1 &
started=($! "${started[@]}")
slurmd -D -N "$node" >"$here/slurmd-out.log" 2>&1 &
started=($! "${started[@]}")
is_idle() { [[ $(sinfo -h -o %T) == idle ]]; }
until_it_works is_idle

cat >"$here/gate.json" <<END
{"format": "shutdown-repro/gate", "version": "1.0", "checks": [
  {"name": "sampled", "scenario": "scope-disposal", "strategy": "random", "executions": 150, "expect": "clean"}]}
END
cat >"$here/job" <<END
#!/bin/sh
cd $here && "$program" explore scope-disposal --executions 150 --json >\$SLURM_ARRAY_TASK_ID.json 2>\$SLURM_ARRAY_TASK_ID.err
test \$? -eq 1 || exit 1
"$program" gate gate.json --json >gate-\$SLURM_ARRAY_TASK_ID.json 2>>\$SLURM_ARRAY_TASK_ID.err
test \$? -eq 1
END
# Ids that begin anywhere, in steps: 10, 15 and 20.
timeout 60 sbatch --wait --array=10-20:5 -o "$here/job-%a.log" "$here/job" >"$here/sbatch.log" 2>&1 || fail "the array failed"
grep -q 'shard 2 of 3, selected by SLURM_ARRAY_TASK_ID' "$here/15.err" || fail "the second task did not say which shard it is"

cd "$here"
status=0
"$program" merge 10.json 15.json 20.json >merged || status=$?
((status == 1)) || fail "merge exited with $status"
"$program" explore scope-disposal --executions 150 --shard 1/1 >one || true
counts() { tr '\n' ' ' <"$1" | grep -o '[0-9,]* findings in [0-9,]* executions, [0-9,]* of them violated'; }
[[ $(counts merged) == "$(counts one)" ]] || fail "merged: $(counts merged); one: $(counts one)"

status=0
"$program" merge gate-10.json gate-15.json gate-20.json >merged || status=$?
((status == 1)) || fail "merge of the gate exited with $status"
"$program" gate gate.json >one || true
found() { grep -o 'new: .*' "$1"; }
[[ -n $(found one) && $(found merged) == "$(found one)" ]] || fail "the merged gate: $(found merged); not shared out: $(found one)"
echo "a Slurm array of three finds what one shard finds, exploring and of a gate"
