overlap compare cpu --sums 4 --number 1000 --json | jq -r '.cpu.models[] | "\(.model): \(.done) done"'
