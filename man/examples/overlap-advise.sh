cat >naps.py <<'END'
import time

def nap(n):
    time.sleep(0.05)

for n in range(100):
    nap(n)
END
overlap advise --json -- python3 naps.py 2>/dev/null |
    jq -r '"\(.bound): \(.unit.function), \(.unit.count) times; \(.recommendation.model)"'
