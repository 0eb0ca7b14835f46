mkfifo address
overlap origin --latency 50ms >address &
read -r url <address
curl --silent "${url}page?size=5" | wc -c
kill $!
wait
