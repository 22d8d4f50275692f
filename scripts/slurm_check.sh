#!/bin/sh
# Runs an experiment as a Slurm array job on this machine and checks that its merged shards equal the unsharded run:
# four shards, one of them killed and run again. Installs Debian's Slurm and starts a cluster of one node for the time of
# the check. Needs root, build/longshot and the default model. Usage: scripts/slurm_check.sh [EXPERIMENT.yaml]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
experiment=${1:-$root/configs/quick.yaml}
longshot=$root/build/longshot

fail() {
  echo "slurm_check: $*" >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] || fail "not root: a cluster cannot be set up"
[ -x "$longshot" ] || fail "no build/longshot: run make"

command -v slurmctld >/dev/null 2>&1 && command -v slurmd >/dev/null 2>&1 && command -v munged >/dev/null 2>&1 || {
  echo "slurm_check: installing slurm-wlm and munge"
  apt-get update -q >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends slurmctld slurmd slurm-client munge \
    >/dev/null || fail "apt-get could not install slurmctld, slurmd, slurm-client and munge"
}

work=$(mktemp -d)
chmod 755 "$work"
host=$(hostname -s)
processors=$(nproc)
stop() {
  [ ! -f "$work/slurmd.pid" ] || kill "$(cat "$work/slurmd.pid")" 2>/dev/null || true
  [ ! -f "$work/slurmctld.pid" ] || kill "$(cat "$work/slurmctld.pid")" 2>/dev/null || true
  [ ! -f "$work/munged.pid" ] || kill "$(cat "$work/munged.pid")" 2>/dev/null || true
  [ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap stop EXIT

mkdir -p "$work/state" "$work/spool" "$work/munge"
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 2>/dev/null
chown -R munge: "$work/munge"
chmod 700 "$work/munge"
chmod 400 "$work/munge/key"
touch "$work/munged.pid" && chown munge: "$work/munged.pid"
mkdir -p /run/munge && chown munge: /run/munge
su -s /bin/sh munge -c "munged --force --key-file='$work/munge/key' --log-file='$work/munge/log' \
  --seed-file='$work/munge/seed' --pid-file='$work/munge/pid'"
cp "$work/munge/pid" "$work/munged.pid"

cat >"$work/slurm.conf" <<EOF
ClusterName=check
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
NodeName=$host CPUs=$processors State=UNKNOWN
PartitionName=check Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF
export SLURM_CONF="$work/slurm.conf"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  [ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && break
  sleep 1
done
sinfo -h | grep -q idle || fail "the node does not come up: $(tail -3 "$work/slurmd.log")"

cat >"$work/job.sh" <<EOF
#!/bin/sh
#SBATCH --array=1-4%1
#SBATCH --cpus-per-task=$processors
cd "$root"
exec "$longshot" run "$experiment" -o "$work/s\$SLURM_ARRAY_TASK_ID" --shard "\$SLURM_ARRAY_TASK_ID/4" --resume
EOF
cells() { find "$work/s$1/cells" -name '*.json' 2>/dev/null | wc -l; }

job=$(sbatch --parsable -o "$work/job-%a.log" "$work/job.sh")
echo "slurm_check: job $job, four shards"
until [ "$(cells 2)" -ge 2 ] || [ -z "$(squeue -h -j "$job")" ]; do sleep 0.2; done
scancel --signal=KILL "${job}_2"
echo "slurm_check: shard 2 killed with $(cells 2) cells"
while [ -n "$(squeue -h -j "$job")" ]; do sleep 1; done
killed=$(cells 2)
again=$(sbatch --parsable --array=2 -o "$work/job-%a.log" "$work/job.sh")
while [ -n "$(squeue -h -j "$again")" ]; do sleep 1; done
echo "slurm_check: shard 2 run again: from $killed to $(cells 2) cells"
[ "$(cells 2)" -gt "$killed" ] || fail "the killed shard did not go on: $(tail -3 "$work/job-2.log")"

"$longshot" merge "$work/s1" "$work/s2" "$work/s3" "$work/s4" -o "$work/merged" >/dev/null
cd "$root"
"$longshot" run "$experiment" -o "$work/whole" >/dev/null 2>"$work/whole.log" || fail "$(tail -1 "$work/whole.log")"
# Only outputs are compared: shards and the whole ran at different times.
"$longshot" compare "$work/merged" "$work/whole" --tolerance 1 || fail "merged shards differ from the unsharded run"
python3 - "$work/merged/report.json" "$work/whole/report.json" <<'EOF'
import json, sys
merged, whole = ({c["id"]: c["output_sha256"] for c in json.load(open(p))["cells"]} for p in sys.argv[1:])
assert merged == whole, "cells differ"
print(f"slurm_check: {len(whole)} cells, all outputs equal")
EOF
