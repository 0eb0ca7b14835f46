#!/bin/sh
# look.sh PAGE [TEXT...]: opens a page of --report in real headless Chromium, and fails where the console
# has a complaint, where its zoom does not work, where it would load anything, or where a TEXT is not to be read
# on it without JavaScript. OVERLAP_SHOTS names a folder for screenshots to look at.
set -u
page=$(readlink -f -- "$1") || exit 1
shift
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $page: $*" >&2
    exit 1
}

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo 'no Chromium is installed'
    exit 77
}

# browse ARGUMENT...: Chromium that talks to nobody, its console on standard error.
browse() {
    HOME=$folder timeout 300 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-dev-shm-usage --disable-background-networking --disable-component-update --disable-sync \
        --disable-extensions --hide-scrollbars --user-data-dir="$folder/profile" --enable-logging=stderr "$@"
}

# Without JavaScript: all that is said is in the file itself, and nothing in it comes from elsewhere.
for text in "$@"; do
    grep -Fq -e "$text" "$page" || fail "no '$text' in it"
done
! grep -Eiq '(src|href)="?(https?:)?//|@import|url\(' "$page" || fail 'it would load something'
grep -q '<svg' "$page" || fail 'no picture is drawn without JavaScript'

# With it: a copy that uses each zoom as a person would, and notes what came of it.
cat >"$folder/use.html" <<'END'
<script>
const notes = [];
const tips = document.querySelectorAll("[data-tip]").length;
for (const plot of document.querySelectorAll(".plot")) {
  const picture = plot.querySelector("svg");
  const buttons = plot.parentNode.querySelectorAll(".zoom button");
  const before = picture.getAttribute("viewBox");
  buttons[0].click();
  const nearer = picture.getAttribute("viewBox");
  buttons[3].click();
  const later = picture.getAttribute("viewBox");
  buttons[4].click();
  const after = picture.getAttribute("viewBox");
  const width = (box) => Number(box.split(" ")[2]);
  notes.push(width(nearer) === width(before) / 2 && later !== nearer && after === before &&
             plot.querySelectorAll(".axis span").length > 0 ? "good" : "bad");
}
const note = document.createElement("p");
const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
note.textContent = `USED ${notes.length} plots, ${notes.filter((n) => n === "bad").length} bad, ` +
                   `${tips > 0 ? "tips" : "no tips"}, ${wide ? "too wide" : "fits"}.`;
document.body.append(note);
</script>
END
sed "/<\/body>/{
r $folder/use.html
N
}" "$page" >"$folder/page.html"
plots=$(grep -c 'class="plot"' "$page")

for width in 1200 390; do
    browse --window-size="$width,900" --dump-dom "file://$folder/page.html" >"$folder/dom" 2>"$folder/log" ||
        fail "Chromium ended with $?: $(tail -n 5 "$folder/log")"
    ! grep 'CONSOLE' "$folder/log" || fail 'the console has complaints'
    grep -Fq "USED $plots plots, 0 bad, tips, fits." "$folder/dom" ||
        fail "at $width pixels: $(grep -o 'USED [^<]*' "$folder/dom" || echo 'the script did not run')"
    [ -z "${OVERLAP_SHOTS-}" ] ||
        browse --window-size="$width,2000" --screenshot="$OVERLAP_SHOTS/$(basename "$page" .html)-$width.png" \
            "file://$page" >"$folder/log" 2>&1
done
echo 'as it should be'
