#!/bin/sh
# Install Chromium from the system's packages for the browser test. Does nothing when a browser is already there.
set -eu

for name in "${LLM_COURSE_CHROMIUM:-chromium}" chromium chromium-browser google-chrome google-chrome-stable; do
    # Ubuntu's chromium-browser may be a stub that only points at snap: ask it for its version to be sure
    if command -v "$name" >/dev/null 2>&1 && "$name" --version >/dev/null 2>&1; then
        echo "browser: $(command -v "$name") is there"
        exit 0
    fi
done

if ! command -v apt-get >/dev/null 2>&1; then
    echo "browser: no apt here. Install Chromium or Chrome yourself, then set LLM_COURSE_CHROMIUM to its path." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "browser: installing needs root. Run: apt-get install chromium" >&2
    exit 1
fi
$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core
echo "browser: $(chromium --version)"
