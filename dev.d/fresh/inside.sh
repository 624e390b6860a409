#!/bin/bash
# Inside the fresh root: clone, ./dev run until it is ready, ./dev test. The last line is the sum.
set -euo pipefail
cd /root
git clone -q /opt/librebird.bundle librebird
cd librebird

echo "---- ./dev run"
ready=0
mkfifo /tmp/run.out
./dev run --port 0 --data-dir /tmp/data </dev/null >/tmp/run.out 2>&1 &
pid=$!
exec {output}</tmp/run.out
address=
while IFS= read -r -t 3600 -u "$output" line; do
  printf '%s\n' "$line"
  if [[ $line =~ Listening\ on\ (http://[0-9.]+:[0-9]+) ]]; then
    address=${BASH_REMATCH[1]}
    break
  fi
done
# What it says from here on must be read too, or it would block.
cat <&"$output" &
if [[ -n $address ]] && python3 - "$address/readyz" <<'PYTHON'; then
import sys, time, urllib.request
for _ in range(100):
    try:
        sys.exit(0 if urllib.request.urlopen(sys.argv[1], timeout=5).status == 200 else 1)
    except OSError:
        time.sleep(0.1)
sys.exit(1)
PYTHON
  ready=1
fi
kill -INT "$pid" 2>/dev/null || true
code=0
wait "$pid" || code=$?
wait
if ((ready)) && [[ $code == 0 || $code == 130 ]]; then
  echo "./dev run: ready at $address, stopped with $code"
else
  ready=0
  echo "./dev run: FAILED (address '$address', exit code $code)"
fi

echo "---- ./dev test"
code=0
./dev test >/tmp/test.out 2> >(cat >&2) </dev/null || code=$?
cat /tmp/test.out
if [[ $(tail -n 1 /tmp/test.out) =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
  failed=$((BASH_REMATCH[2] + 1 - ready))
  if ((code != 0 && failed == 0)); then failed=1; fi
  echo "$((BASH_REMATCH[1] + ready)) passed, $failed failed, ${BASH_REMATCH[3]} skipped"
  ((failed == 0))
else
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
