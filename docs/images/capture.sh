#!/bin/sh
# Takes the README's screenshots of the newest experiment that a metrics service knows, in the light and in the dark:
#   docs/images/capture.sh [http://localhost:8083]
# Needs chromium, curl and python3.
set -eu
service=${1:-http://localhost:8083}
folder=$(CDPATH='' cd "$(dirname "$0")" && pwd -P)
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

get() { curl -fsS "$service/api/v1/$1" | python3 -c "import json, sys; print($2)"; }
experiment=$(get 'experiments?page_size=1' 'json.load(sys.stdin)["experiments"][0]["experiment"]')
run=$(get "runs?experiment=$experiment&variant=VARIANT_TWO_PHASE" 'json.load(sys.stdin)["runs"][0]["request"]["run"]')

capture() {
  # preferredColorScheme: 0 is dark, 1 is light. The timeout gives the page time to load and draw.
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$profile" \
    --blink-settings="preferredColorScheme=$2" --window-size="$3" --timeout=15000 \
    --screenshot="$folder/$1.png" "$service/#/$4" 2>/dev/null
}
capture experiment-light 1 1280,1250 "experiments/$experiment"
capture experiment-dark 0 1280,1250 "experiments/$experiment"
capture run-light 1 1280,1500 "runs/$run"
capture run-dark 0 1280,1500 "runs/$run"
