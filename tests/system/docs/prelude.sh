# What the examples of a page find when they run: a computer with nothing but its loopback.
set -euo pipefail
ip link set lo up

service=
end_service() {
  [ -n "$service" ] || return 0
  kill -TERM "$service" 2>/dev/null || true
  wait "$service" 2>/dev/null || true
  service=
}
trap end_service EXIT

# `run` and `serve` go on until they are told to end: they run beside what follows them in the page.
sightline() {
  case "${1:-} $*" in
    *--help*) command sightline "$@" ;;
    run\ *|serve\ *)
      end_service
      command sightline "$@" > service.log 2>&1 &
      service=$!
      for _ in $(seq 2000); do
        kill -0 "$service" 2>/dev/null || { wait "$service"; local code=$?; service=; cat service.log; return $code; }
        curl -sf "http://127.0.0.1:${SIGHTLINE_PORT:-8000}/ready" > /dev/null && return 0
        sleep 0.1
      done
      echo "not ready after 200 s:"; cat service.log; return 1 ;;
    *) command sightline "$@" ;;
  esac
}

# Runs the commands on its input; their outputs go to stdout.NUMBER and stderr.NUMBER.
step() {
  local number=$1 wanted=$2 code=0
  cat > "step.$number"
  set +e
  . "./step.$number" > "stdout.$number" 2> "stderr.$number" < /dev/null
  code=$?
  set -e
  [ "$code" -eq "$wanted" ] && return
  echo "step $number ended with $code, not $wanted:"
  cat "step.$number" "stdout.$number" "stderr.$number"
  exit 1
}
